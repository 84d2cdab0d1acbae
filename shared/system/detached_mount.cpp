#include "shared/system/detached_mount.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "shared/system/syscalls.hpp"

namespace dboot::detached_mount {
namespace {

void configure(const UniqueFd& context, const std::string& type, const std::string& name,
               const std::optional<std::string>& value) {
  const unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
  const char* text = value ? value->c_str() : nullptr;
  sys::check(::syscall(SYS_fsconfig, context.get(), command, name.c_str(), text, 0),
             "mount option ", name, value ? "=" : "", value ? *value : "", " of ", type);
}

}  // namespace

UniqueFd make(const std::string& type, unsigned attributes, const Options& options) {
  const UniqueFd context(static_cast<int>(
      sys::check(::syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC), "fsopen ", type)));
  const auto is_source = [](const auto& option) { return option.first == "source"; };
  if (std::none_of(options.begin(), options.end(), is_source))
    configure(context, type, "source", type);
  for (const auto& [name, value] : options) configure(context, type, name, value);
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
