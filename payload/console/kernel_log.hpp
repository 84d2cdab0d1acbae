#pragma once

#include <optional>
#include <string>

#include "payload/children/children.hpp"
#include "payload/console/kernel_setting.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/log/sinks.hpp"

namespace dboot {

/// The kernel's log during a takeover. The payload's lines go to /dev/kmsg and, by itself, to every
/// console: so the kernel must not drop them (printk_devkmsg: by default a process gets 10 lines in
/// 5 seconds) and must not show them a second time (console_loglevel). Where the machine has memory
/// that outlives a reboot, the kernel leaves its log there at a reboot too, and not only at a panic
/// (printk.always_kmsg_dump): a takeover that fails is found in /sys/fs/pstore.
/// https://docs.kernel.org/admin-guide/sysctl/kernel.html#printk-devkmsg
/// https://docs.kernel.org/admin-guide/kernel-parameters.html
class KernelLog {
 public:
  KernelLog(Log& log, Children& children, Permissions permissions)
      : log_(log),
        children_(children),
        permissions_(permissions),
        devkmsg_(log, "/proc/sys/kernel/printk_devkmsg", "kernel.printk_devkmsg"),
        dump_(log, "/sys/module/printk/parameters/always_kmsg_dump", "printk.always_kmsg_dump") {}
  /// Changes these, remembers what they were, and lets the log go to kmsg. Does nothing where that
  /// is not allowed.
  void take(const DeviceNodes& devices);
  /// Puts them back; the kernel's log gets no more lines, which would be shown on consoles that
  /// belong to the new system. May be called more than once.
  Task<> restore();
  /// Lets the kernel show the lines, where no console could be opened that does.
  void show_on_consoles();

 private:
  Task<> wait_for_consoles();
  void set_level(int level);

  Log& log_;
  Children& children_;
  Permissions permissions_;
  KernelSetting devkmsg_;
  KernelSetting dump_;
  std::optional<int> console_level_;
  log::sinks::Sink sink_;
};

/// The first of the four numbers of /proc/sys/kernel/printk.
std::optional<int> parse_console_level(const std::string& printk);

}  // namespace dboot
