#pragma once

#include <optional>
#include <string>

#include "payload/permissions.hpp"

namespace dboot {

/// The kernel's log during a takeover. The payload's lines go to /dev/kmsg and, by itself, to every
/// console: so the kernel must not drop them (printk_devkmsg: by default a process gets 10 lines in
/// 5 seconds) and must not show them a second time (console_loglevel).
/// https://docs.kernel.org/admin-guide/sysctl/kernel.html#printk-devkmsg
class KernelLog {
 public:
  explicit KernelLog(Permissions permissions) : permissions_(permissions) {}
  /// Changes both and remembers what they were. Does nothing where that is not allowed.
  void take();
  /// Puts both back. May be called more than once.
  void restore();

 private:
  Permissions permissions_;
  std::optional<std::string> devkmsg_;
  std::optional<int> console_level_;
};

/// The first of the four numbers of /proc/sys/kernel/printk.
std::optional<int> parse_console_level(const std::string& printk);

}  // namespace dboot
