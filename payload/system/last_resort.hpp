#pragma once

#include <cstdint>

#include "payload/permissions.hpp"

namespace dboot {

/// What happens when the program itself is broken: an exception that nothing catches, a crash.
///
/// On a machine the end of PID 1 is a kernel panic. The payload is executed anew instead, for the
/// way out alone; and when that is broken as well the machine reboots, after ten seconds and a word
/// in the kernel's log. In a namespace: a word on standard error, and exit status 125.
class LastResort {
 public:
  static constexpr int exit_status = 125;
  /// The payload executed anew gets it as its first argument, the reason as its second.
  static constexpr const char* begin_anew_option = "--begin-anew";

  /// `anew`: this is the payload that was executed anew.
  LastResort(Permissions permissions, bool anew) noexcept
      : then_(!permissions.on_machine() ? Then::exit
              : anew                    ? Then::reboot
                                        : Then::begin_anew) {}

  /// Watches over this process from here on. Children forked later just end.
  void install() const;
  /// `why`: less than a line.
  [[noreturn]] void act(const char* why) const noexcept;

  enum class Then : std::uint8_t { exit, begin_anew, reboot };

 private:
  Then then_;
};

}  // namespace dboot
