#include "shared/system/read_only.hpp"

#include <sys/mount.h>

#include <cerrno>

#include "shared/system/syscalls.hpp"

namespace dboot::read_only {

void remount(const char* mount_point) {
  constexpr unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  sys::check(
      ::mount(nullptr, mount_point, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, nullptr),
      "make read-only ", mount_point);
}

void cover(const char* path) {
  if (::mount(path, path, nullptr, MS_BIND, nullptr) != 0) {
    if (errno == ENOENT) return;
    sys::fail(errno, {"bind ", path});
  }
  remount(path);
}

}  // namespace dboot::read_only
