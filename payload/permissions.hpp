#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/plan/plan.hpp"

namespace dboot {

/// What the payload does to the system around it. A new kind of action is denied in a namespace
/// until Permissions::allows() lists it.
enum class Action : std::uint8_t {
  end_processes,      ///< of the own PID namespace
  unmount,            ///< in the own, private mount namespace
  pivot,              ///< change its root
  mount_api,          ///< proc, sysfs, tmpfs; carry /dev over
  set_hostname,       ///< of a UTS namespace of its own
  start_command,      ///< exec or supervise
  send_log,           ///< over the network, to where the plan says
  write_old_disk,     ///< a copy of the log
  sync,               ///< waits for every disk of the machine
  write_sysctl,       ///< /proc/sys
  write_kernel_log,   ///< /dev/kmsg, console_loglevel
  use_consoles,       ///< the machine's: consoles, virtual terminals
  mount_devtmpfs,     ///< one instance for the whole machine
  detach_swap,        ///< swapoff
  detach_loop,        ///< loop devices belong to no namespace
  remove_mapping,     ///< nor do those of device mapper
  stop_array,         ///< nor md's
  reset_zram,         ///< nor disks in compressed memory
  stop_nfs_server,    ///< the kernel's
  clear_keyrings,     ///< root's belong to the machine
  change_filesystem,  ///< superblock remount, MNT_FORCE, binfmt_misc
  open_disks,         ///< O_EXCL on block devices
  set_network,        ///< links, addresses, routes and their settings; firewalls
  run_first,          ///< before all processes of the machine
  thaw_cgroups,       ///< which may hold others than those of the namespace
  leave_cgroup,       ///< and remove the old system's
  feed_watchdog,      ///< and stop it
  reboot,
};

std::string_view to_string(Action action);

/// Decides what may be done here. In a PID namespace (rehearsal, container) nothing may reach the
/// machine around it.
class Permissions {
 public:
  /// Either reason is enough for a namespace: the plan, or what /proc/self/ns/pid says. The
  /// hostname may only be set when that is known to be the machine's or the namespace's own.
  Permissions(Scope planned, bool initial_pid_namespace, bool own_hostname) noexcept
      : machine_(planned == Scope::machine && initial_pid_namespace), own_hostname_(own_hostname) {}

  /// From the plan and the namespaces of this process.
  static Permissions of_this_process(Scope planned);

  bool on_machine() const noexcept { return machine_; }
  bool allows(Action action) const noexcept;
  /// What is denied, "sync,reboot": a rehearsal shall show what a takeover would have done.
  std::string denied() const;

 private:
  bool machine_;
  bool own_hostname_;
};

}  // namespace dboot
