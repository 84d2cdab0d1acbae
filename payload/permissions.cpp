#include "payload/permissions.hpp"

#include <array>

#include "shared/proc/namespace.hpp"

namespace dboot {

std::string_view to_string(Action action) {
  static constexpr std::array<std::string_view, 17> names{
      "end_processes",  "unmount",     "pivot",        "mount_api",         "set_hostname",
      "start_command",  "sync",        "write_sysctl", "write_kernel_log",  "use_consoles",
      "mount_devtmpfs", "detach_swap", "detach_loop",  "change_filesystem", "open_disks",
      "leave_cgroup",   "reboot"};
  static_assert(names.size() == static_cast<std::size_t>(Action::reboot) + 1);
  return names.at(static_cast<std::size_t>(action));
}

Permissions Permissions::of_this_process(Scope planned) {
  const bool initial = in_initial_namespace("pid");
  const bool own_uts = namespace_of("self", "uts") && !in_initial_namespace("uts");
  return {planned, initial, own_uts};
}

bool Permissions::allows(Action action) const noexcept {
  if (machine_) return true;
  switch (action) {
    case Action::end_processes:
    case Action::unmount:
    case Action::pivot:
    case Action::mount_api:
    case Action::start_command:
      return true;
    case Action::set_hostname:
      return own_hostname_;
    default:
      return false;
  }
}

bool Permissions::allows(Action action, Log& log) const {
  const bool allowed = allows(action);
  if (!allowed) log.info("skipped in a namespace", {{"action", to_string(action)}});
  return allowed;
}

}  // namespace dboot
