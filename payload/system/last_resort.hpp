#pragma once

#include "payload/permissions.hpp"

/// What happens when the program itself is broken: an exception that nothing catches, a crash. On a
/// machine, the end of PID 1 is a kernel panic: says why, and reboots instead. In a namespace: exit
/// status 125.
namespace dboot::last_resort {

/// Watches over this process from here on. Children forked later just end.
void install(Permissions permissions);

/// Says why on the kernel's log and stderr, and reboots after ten seconds.
[[noreturn]] void act(const char* why) noexcept;

inline constexpr int exit_status = 125;

}  // namespace dboot::last_resort
