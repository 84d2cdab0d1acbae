#pragma once

#include <chrono>
#include <deque>
#include <string_view>

namespace dboot {

/// What is typed to leave a rehearsal whose init does not end: Ctrl-] three times within a second,
/// as for systemd-nspawn(1). Unlike ssh's `~.` it reaches a rehearsal inside of an ssh session, and
/// unlike docker's Ctrl-P no shell uses it.
class EscapeKeys {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// True when `keys`, typed at `now`, complete it.
  bool complete(std::string_view keys, TimePoint now);

 private:
  std::deque<TimePoint> pressed_;  ///< the last ones, with no other key between them
};

}  // namespace dboot
