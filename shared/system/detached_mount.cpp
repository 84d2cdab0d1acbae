#include "shared/system/detached_mount.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/system/syscalls.hpp"

namespace dboot::detached_mount {

UniqueFd make(const std::string& type, unsigned attributes, const Options& options) {
  const UniqueFd context(static_cast<int>(
      sys::check(::syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC), "fsopen ", type)));
  const auto set = [&](const char* name, const char* value) {
    sys::check(::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, name, value, 0),
               "mount option ", name, "=", value, " of ", type);
  };
  set("source", type.c_str());
  for (const auto& [name, value] : options) set(name, value);
  sys::check(::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0),
             "create a mount of ", type);
  return UniqueFd(static_cast<int>(sys::check(
      ::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes), "fsmount ", type)));
}

void attach(int mount, int directory) {
  constexpr unsigned by_descriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  sys::check(::syscall(SYS_move_mount, mount, "", directory, "", by_descriptors),
             "attach the mount");
}

}  // namespace dboot::detached_mount
