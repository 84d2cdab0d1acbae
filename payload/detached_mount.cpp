#include "payload/detached_mount.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/syscalls.hpp"

namespace dboot::detached_mount {

UniqueFd make(const std::string& type) {
  const UniqueFd context(static_cast<int>(
      sys::check(::syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC), "fsopen ", type)));
  sys::check(::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0),
             "create a mount of ", type);
  return UniqueFd(static_cast<int>(
      sys::check(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0), "fsmount ", type)));
}

void attach(int mount, const char* directory) {
  sys::check(::syscall(SYS_move_mount, mount, "", AT_FDCWD, directory, MOVE_MOUNT_F_EMPTY_PATH),
             "attach the mount on ", directory);
}

}  // namespace dboot::detached_mount
