#pragma once

#include <optional>
#include <string>

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/log/sinks.hpp"

namespace dboot {

/// The kernel's log during a takeover. The payload's lines go to /dev/kmsg and, by itself, to every
/// console: so the kernel must not drop them (printk_devkmsg: by default a process gets 10 lines in
/// 5 seconds) and must not show them a second time (console_loglevel).
/// https://docs.kernel.org/admin-guide/sysctl/kernel.html#printk-devkmsg
class KernelLog {
 public:
  KernelLog(Log& log, Children& children, Permissions permissions)
      : log_(log), children_(children), permissions_(permissions) {}
  /// Changes both, remembers what they were, and lets the log go to kmsg. Does nothing where that
  /// is not allowed.
  void take(const DeviceNodes& devices);
  /// Puts both back; the kernel's log gets no more lines, which would be shown on consoles that
  /// belong to the new system. May be called more than once.
  Task<> restore();
  /// Lets the kernel show the lines, where no console could be opened that does.
  void show_on_consoles();

 private:
  Task<> wait_for_consoles();
  void set_level(int level);
  void write_devkmsg(const std::string& value);

  Log& log_;
  Children& children_;
  Permissions permissions_;
  std::optional<std::string> devkmsg_;
  std::optional<int> console_level_;
  log::sinks::Sink sink_;
};

/// The first of the four numbers of /proc/sys/kernel/printk.
std::optional<int> parse_console_level(const std::string& printk);

}  // namespace dboot
