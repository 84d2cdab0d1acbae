#pragma once

#include "payload/permissions.hpp"

namespace dboot {

/// What happens when the program itself is broken: an exception that nothing catches, a crash. On a
/// machine, the end of PID 1 is a kernel panic: says why, and reboots instead. In a namespace: exit
/// status 125.
class LastResort {
 public:
  static constexpr int exit_status = 125;

  explicit LastResort(Permissions permissions) noexcept : on_machine_(permissions.on_machine()) {}

  /// Watches over this process from here on. Children forked later just end.
  void install() const;
  /// Says why on the kernel's log and stderr, and reboots after ten seconds.
  [[noreturn]] void act(const char* why) const noexcept;

 private:
  bool on_machine_;
};

}  // namespace dboot
