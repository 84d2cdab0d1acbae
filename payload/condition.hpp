#pragma once

#include <chrono>
#include <memory>

#include "payload/task.hpp"

namespace dboot {

/// Wakes a task that waits for a condition. As with condition variables, the condition is looked at
/// again after each wait: `while (!gone()) co_await changed.wait();`
class Condition {
 public:
  explicit Condition(const boost::asio::any_io_executor& executor);
  ~Condition();
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  void notify();
  /// Until the next notify().
  Task<> wait();
  /// Until the next notify(), or until `end`. False at the latter. For one task at a time.
  Task<bool> wait_until(std::chrono::steady_clock::time_point end);

 private:
  Task<> pause();

  struct Timer;  // its header costs half a second a file
  std::unique_ptr<Timer> timer_;
};

/// Until the event loop has told everything that had happened before: of two events that come at
/// once, such as a signal and the end of who has sent it, either may be told first.
Task<> settle();

}  // namespace dboot
