#include "injector/unpack/xattrs.hpp"

#include <sys/xattr.h>

#include <cerrno>

#include "injector/report.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

/// What is not there, or has gone meanwhile.
bool is_none(int error) {
  return error == ENOTSUP || error == ENODATA;
}

/// Calls `get(buffer, size)`, first with a buffer that nearly always suffices, until it fits.
template <class Get>
std::string read_all(Get get, const char* attempted) {
  std::string buffer(256, '\0');
  for (;;) {
    const ssize_t size = get(buffer.data(), buffer.size());
    if (size >= 0) {
      buffer.resize(static_cast<std::size_t>(size));
      return buffer;
    }
    if (is_none(errno)) return {};
    if (errno != ERANGE) sys::fail(errno, {attempted});
    buffer.resize(static_cast<std::size_t>(sys::check(get(nullptr, 0), attempted)));
  }
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < list.size();) {
    names.emplace_back(list.c_str() + begin);
    begin += names.back().size() + 1;
  }
  return names;
}

template <class Read>
Xattrs read_wanted(const std::vector<std::string>& names, Read read) {
  Xattrs xattrs;
  for (const auto& name : names) {
    if (belongs_to_image(name)) xattrs.emplace_back(name, read(name));
  }
  return xattrs;
}

void lost(const std::string& name) {
  const int error = errno;
  if (error == ENOSPC) sys::fail(error, {"set ", name});
  static std::atomic<bool> said = false;
  if (said.exchange(true)) return;
  report::warning("extended attributes of the image are lost: the RAM root does not take them",
                  {{"first", name}});
}

std::string path_of(int directory, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(directory) + "/" + name;
}

}  // namespace

bool belongs_to_image(std::string_view xattr) {
  if (xattr.starts_with("user.")) {
    return !xattr.starts_with("user.overlay.") && !xattr.starts_with("user.fuseoverlayfs.");
  }
  return xattr == "security.capability" || xattr.starts_with("system.posix_acl_");
}

std::vector<std::string> list_xattrs(int fd) {
  return split(
      read_all([&](char* buffer, std::size_t size) { return ::flistxattr(fd, buffer, size); },
               "list extended attributes"));
}

Xattrs read_xattrs(int fd, const std::vector<std::string>& names) {
  return read_wanted(names, [&](const std::string& name) {
    return read_all(
        [&](char* buffer, std::size_t size) { return ::fgetxattr(fd, name.c_str(), buffer, size); },
        "read an extended attribute");
  });
}

Xattrs read_xattrs_at(int directory, const std::string& name) {
  const std::string path = path_of(directory, name);
  const std::string list = read_all(
      [&](char* buffer, std::size_t size) { return ::llistxattr(path.c_str(), buffer, size); },
      "list extended attributes");
  return read_wanted(split(list), [&](const std::string& xattr) {
    return read_all(
        [&](char* buffer, std::size_t size) {
          return ::lgetxattr(path.c_str(), xattr.c_str(), buffer, size);
        },
        "read an extended attribute");
  });
}

void set_xattrs(int fd, const Xattrs& xattrs) {
  for (const auto& [name, value] : xattrs) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) lost(name);
  }
}

void set_xattrs_at(int directory, const std::string& name, const Xattrs& xattrs) {
  if (xattrs.empty()) return;
  const std::string path = path_of(directory, name);
  for (const auto& [xattr, value] : xattrs) {
    if (::lsetxattr(path.c_str(), xattr.c_str(), value.data(), value.size(), 0) != 0) lost(xattr);
  }
}

}  // namespace dboot::rootfs
