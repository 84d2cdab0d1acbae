#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Extended attributes (xattr(7)), as far as they belong to an image.
namespace dboot::rootfs {

using Xattrs = std::vector<std::pair<std::string, std::string>>;

/// True for capabilities, POSIX ACLs and what users set. The rest (trusted.*, among it overlayfs's
/// own, and labels of a security module that is not there) belongs to the system that it comes
/// from.
bool belongs_to_image(std::string_view xattr);

/// All of a file, whosever they are, by their names. Empty where the filesystem has none. Throws
/// std::system_error.
std::vector<std::string> list_xattrs(int fd);
/// Those of the image among `names`. Throws std::system_error.
Xattrs read_xattrs(int fd, const std::vector<std::string>& names);
/// The same of a file that is not opened, such as a device. Symlinks are not followed.
Xattrs read_xattrs_at(int directory, const std::string& name);

/// Sets them. What the filesystem does not take is lost with a warning, but for the lack of space:
/// that throws std::system_error. Any thread may call it.
void set_xattrs(int fd, const Xattrs& xattrs);
void set_xattrs_at(int directory, const std::string& name, const Xattrs& xattrs);

}  // namespace dboot::rootfs
