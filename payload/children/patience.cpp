#include "payload/children/patience.hpp"

#include "shared/system/syscalls.hpp"

namespace dboot {

Patience::Patience(const boost::asio::any_io_executor& executor, UniqueFd fd)
    : state_(std::make_shared<State>(executor)) {
  boost::system::error_code refused;
  state_->descriptor.assign(fd.get(), refused);
  if (refused) sys::fail(refused.value(), {"wait for a child's answer"});
  fd.release();
}

Task<bool> Patience::wait(std::chrono::milliseconds most) {
  const auto state = state_;
  state->late = false;
  state->timer.expires_after(most);
  state->timer.async_wait([state](const boost::system::error_code& cancelled) {
    // Queued before it was set anew, it is not late.
    if (cancelled || state->timer.expiry() > std::chrono::steady_clock::now()) return;
    state->late = true;
    state->descriptor.cancel();
  });
  boost::system::error_code error;
  auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
  // Asio reuses its state of a descriptor that was closed, and wakes who has it next for what was
  // still queued.
  do {
    co_await state->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read, token);
  } while (!error && !sys::is_readable(fd()));
  state->timer.expires_at(boost::asio::steady_timer::time_point::max());
  // Readable is readable, whoever has not been told.
  co_return !state->late || sys::is_readable(fd());
}

}  // namespace dboot
