#include "injector/preflight/root.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::root {
namespace {

bool is_directory(const std::string& path) {
  struct ::stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_mount_point(const std::string& path) {
  struct ::statx status {};
  sys::check(::statx(AT_FDCWD, path.c_str(), 0, 0, &status), "look at ", path);
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

void require_proc() {
  if (::access("/proc/self/status", R_OK) == 0) return;
  throw Failure("there is no proc filesystem at /proc",
                "mkdir -p /proc && mount -t proc proc /proc");
}

void require_for_rehearsal(const std::string& root) {
  if (!is_mount_point(root)) {
    throw Failure(
        "the root of this process is no mount point, and in such a chroot a rehearsal "
        "cannot keep its mounts to itself",
        "leave the chroot, and mount --bind DIRECTORY DIRECTORY before chroot DIRECTORY");
  }
  for (const std::string name : {"dev", "proc", "run", "sys"}) {
    auto path = root;
    if (!path.ends_with('/')) path += '/';
    path += name;
    if (is_directory(path)) continue;
    throw Failure("there is no directory " + path + ", where a rehearsal mounts one of its own",
                  "mkdir " + path);
  }
}

}  // namespace dboot::root
