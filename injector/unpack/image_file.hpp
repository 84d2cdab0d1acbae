#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace dboot::rootfs {

/// Throws Failure for a place of the image below a mount point of the new system, where nobody
/// would see what is written there. Throws std::system_error when `path` cannot be followed.
void refuse_hidden(int root_fd, const std::string& path);

/// Writes a file of the image anew: what is in its place is removed, a link too, and directories
/// that are missing are made. `path` has no slash in front: "etc/hostname". Throws Failure where
/// the image has something there that cannot give way.
void write_image_file(int root_fd, const std::string& path, std::string_view text, mode_t mode);

}  // namespace dboot::rootfs
