#include "payload/condition.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace dboot {

struct Condition::Timer : boost::asio::steady_timer {
  using basic_waitable_timer::basic_waitable_timer;
};

Condition::Condition(const boost::asio::any_io_executor& executor)
    : timer_(std::make_unique<Timer>(executor, Timer::time_point::max())) {}

Condition::~Condition() = default;

void Condition::notify() {
  timer_->cancel();
}

Task<> Condition::wait() {
  // Setting the time would wake whoever waits already.
  constexpr auto never = Timer::time_point::max();
  if (timer_->expiry() != never) timer_->expires_at(never);
  co_await pause();
}

Task<bool> Condition::wait_until(std::chrono::steady_clock::time_point end) {
  timer_->expires_at(end);
  co_await pause();
  co_return std::chrono::steady_clock::now() < end;
}

Task<> Condition::pause() {
  boost::system::error_code notified;
  auto token = boost::asio::redirect_error(boost::asio::use_awaitable, notified);
  co_await timer_->async_wait(token);
}

Task<> settle() {
  // What is posted comes behind the next look at the descriptors, and what that finds behind it.
  constexpr int turns = 3;
  for (int turn = 0; turn < turns; ++turn) co_await boost::asio::post(boost::asio::use_awaitable);
}

}  // namespace dboot
