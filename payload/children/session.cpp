#include "payload/children/session.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "payload/children/pidfd.hpp"
#include "payload/condition.hpp"
#include "shared/proc/process_status.hpp"

namespace dboot {
namespace {

using Clock = std::chrono::steady_clock;
using Pidfds = std::vector<std::unique_ptr<Pidfd>>;

/// Those that have been killed.
Pidfds kill_all(pid_t leader, const boost::asio::any_io_executor& executor) {
  Pidfds killed;
  for (const pid_t pid : list_processes()) {
    const auto status = read_process_status(pid);
    if (!status || status->session != leader || status->state == 'Z') continue;
    auto pidfd = Pidfd::open(executor, pid);
    if (::kill(pid, SIGKILL) == 0 && pidfd) killed.push_back(std::move(pidfd));
  }
  return killed;
}

}  // namespace

Task<> end_session(pid_t leader) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto end = Clock::now() + std::chrono::seconds(2);
  Condition changed(executor);
  // One that is killed may have forked right before it was.
  for (bool more = true; more;) {
    const auto killed = kill_all(leader, executor);
    const auto notify = [&changed] { changed.notify(); };
    for (const auto& process : killed) process->on_end(notify, notify);
    const auto lives = [](const auto& process) { return !process->has_ended(); };
    while (std::any_of(killed.begin(), killed.end(), lives) && Clock::now() < end)
      co_await changed.wait_until(end);
    more = !killed.empty() && Clock::now() < end;
  }
}

}  // namespace dboot
