#pragma once

#include <chrono>

namespace dboot {

/// When undoing what was begun is given up: `limit` after this has been made, or `when_interrupted`
/// after the user has asked to stop, whichever is earlier, and at once when a signal more comes.
/// There is one for everything that is undone together.
class CleanUpDeadline {
 public:
  CleanUpDeadline(std::chrono::milliseconds limit, std::chrono::milliseconds when_interrupted);

  /// Throws Failure when it has passed.
  void check();
  /// Waits for `interval`, at most until the deadline or a signal. Returns false when the deadline
  /// has passed.
  bool wait(std::chrono::milliseconds interval);

 private:
  using Clock = std::chrono::steady_clock;

  void shorten();

  std::chrono::milliseconds limit_;  ///< the one that holds, for messages
  std::chrono::milliseconds when_interrupted_;
  unsigned allowed_signals_;
  Clock::time_point end_;
  bool interrupted_ = false;
};

}  // namespace dboot
