#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include "payload/task.hpp"

namespace dboot {

/// Wakes a task that waits for a condition. As with condition variables, the condition is looked at
/// again after each wait: `while (!gone()) co_await event.wait();`
class Condition {
 public:
  explicit Condition(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

  void notify() { timer_.cancel(); }

  /// Until the next notify().
  Task<> wait() {
    // Setting the time would wake whoever waits already.
    constexpr auto never = boost::asio::steady_timer::time_point::max();
    if (timer_.expiry() != never) timer_.expires_at(never);
    co_await pause();
  }

  /// Until the next notify(), or until `end`. False at the latter. For one task at a time.
  Task<bool> wait_until(std::chrono::steady_clock::time_point end) {
    timer_.expires_at(end);
    co_await pause();
    co_return std::chrono::steady_clock::now() < end;
  }

 private:
  Task<> pause() {
    boost::system::error_code notified;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, notified);
    co_await timer_.async_wait(token);
  }

  boost::asio::steady_timer timer_;
};

}  // namespace dboot
