#include "payload/children/fork.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <system_error>

#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// Without touching the epoll registrations of the parent, as closing one by one through asio
/// would.
void close_all_but(std::vector<int> keep) noexcept {
  std::sort(keep.begin(), keep.end());
  unsigned from = 3;
  for (const int fd : keep) {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 0 || number < from) continue;
    if (number > from) ::close_range(from, number - 1, 0);
    from = number + 1;
  }
  ::close_range(from, ~0U, 0);
}

}  // namespace

pid_t fork_child(std::string_view what, std::vector<int> keep, const std::function<void()>& body) {
  const SignalsBlocked blocked;
  const pid_t pid = sys::check(::fork(), "fork for ", what);
  if (pid != 0) return pid;
  try {
    reset_signals();
    close_all_but(std::move(keep));
    body();
  } catch (...) {
    // It must not go on as a second PID 1.
  }
  ::_exit(1);
}

Task<pid_t> fork_patiently(std::function<pid_t()> start) {
  constexpr int attempts = 5;
  constexpr std::chrono::milliseconds between_attempts{100};
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  for (int attempt = 1; attempt < attempts; ++attempt) {
    try {
      co_return start();
    } catch (const std::system_error&) {
      // Again, below: nothing can be waited for in here.
    }
    timer.expires_after(between_attempts);
    co_await timer.async_wait(boost::asio::use_awaitable);
  }
  co_return start();
}

}  // namespace dboot
