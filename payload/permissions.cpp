#include "payload/permissions.hpp"

#include <fcntl.h>

#include <array>
#include <system_error>

#include "shared/proc/namespace.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

std::string_view to_string(Action action) {
  static constexpr std::array<std::string_view, 28> names{
      "end_processes",   "unmount",          "pivot",
      "mount_api",       "set_hostname",     "start_command",
      "send_log",        "write_old_disk",   "sync",
      "write_sysctl",    "write_kernel_log", "use_consoles",
      "mount_devtmpfs",  "detach_swap",      "detach_loop",
      "remove_mapping",  "stop_array",       "reset_zram",
      "stop_nfs_server", "clear_keyrings",   "change_filesystem",
      "open_disks",      "set_network",      "run_first",
      "thaw_cgroups",    "leave_cgroup",     "feed_watchdog",
      "reboot"};
  static_assert(names.size() == static_cast<std::size_t>(Action::reboot) + 1);
  return names.at(static_cast<std::size_t>(action));
}

namespace {

/// Whatever is mounted on /proc: a machine must not be taken for a namespace, whose PID 1 may end.
bool in_initial_pid_namespace() {
  if (in_initial_namespace("pid")) return true;
  if (namespace_of("self", "pid")) return false;
  try {
    const UniqueFd proc = detached_mount::make("proc");
    const UniqueFd self = sys::open_at(proc.get(), "self", O_RDONLY | O_DIRECTORY);
    return in_initial_namespace(self.get(), "pid");
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace

Permissions Permissions::of_this_process(Scope planned) {
  const bool initial = in_initial_pid_namespace();
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
    case Action::send_log:
      return true;
    case Action::set_hostname:
      return own_hostname_;
    default:
      return false;
  }
}

std::string Permissions::denied() const {
  std::string names;
  for (int number = 0; number <= static_cast<int>(Action::reboot); ++number) {
    const auto action = static_cast<Action>(number);
    if (!allows(action)) names += (names.empty() ? "" : ",") + std::string(to_string(action));
  }
  return names;
}

}  // namespace dboot
