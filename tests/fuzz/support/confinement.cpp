#include "tests/fuzz/support/confinement.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>

#include "shared/system/syscalls.hpp"

namespace dboot::fuzz {

bool confine() {
  if (::geteuid() != 0) return false;
  sys::check(::unshare(CLONE_NEWNS), "unshare the mounts");
  sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  sys::check(::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof read_only),
             "make mounts read-only");
  if (const char* directory = std::getenv("DBOOT_FUZZ_DIRECTORY")) {
    sys::check(::mount(directory, directory, nullptr, MS_BIND, nullptr), "bind ", directory);
    mount_attr writable{};
    writable.attr_clr = MOUNT_ATTR_RDONLY;
    sys::check(::mount_setattr(AT_FDCWD, directory, 0, &writable, sizeof writable),
               "make writable ", directory);
  }
  return true;
}

}  // namespace dboot::fuzz
