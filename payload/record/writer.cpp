#include "payload/record/writer.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "payload/children/fork.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

namespace {

/// To the takeover, where they want the same processor.
void give_way() {
  constexpr int lowest = 19;
  ::setpriority(PRIO_PROCESS, 0, lowest);
}

}  // namespace

struct Writer::Timer : boost::asio::steady_timer {
  using basic_waitable_timer::basic_waitable_timer;
};

Writer::Writer(Log& log, Children& children, const boost::asio::any_io_executor& executor,
               Lines lines)
    : log_(log),
      children_(children),
      lines_(lines),
      timer_(std::make_unique<Timer>(executor)),
      ended_(executor) {}

Writer::~Writer() {
  forget();
}

Task<> Writer::start(std::string what, std::vector<int> keep, Work work, std::string earlier) {
  std::array<int, 2> pair{};
  sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), "socketpair for ",
             what);
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  if (lines_.room != 0)
    ::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &lines_.room, sizeof lines_.room);
  keep.push_back(theirs.get());
  auto starting = fork_patiently([&] {
    const pid_t pid = fork_child(what, keep, [&] {
      give_way();
      work(theirs.get());
      ::_exit(0);
    });
    children_.add(pid, Children::Kind::helper, [this](int status) {
      pid_ = 0;
      status_ = status;
      ended_.notify();
    });
    return pid;
  });
  pid_ = co_await std::move(starting);
  if (sink_) {
    log::sinks::reopen_stream(sink_, std::move(ours));
    co_return;
  }
  sink_ = log::sinks::stream(std::move(ours), lines_.end, lines_.behind, [this] { send_soon(); });
  log_.add_sink(sink_, lines_.from, earlier);
}

/// In a moment, for many lines at once cost the takeover less.
void Writer::send_soon() {
  constexpr std::chrono::milliseconds moment{50};
  if (std::exchange(waits_, true)) return;
  timer_->expires_after(moment);
  timer_->async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    waits_ = false;
    if (sink_) log::sinks::send_held(sink_);
  });
}

std::size_t Writer::finish() {
  if (!sink_) return 0;
  log_.remove_sink(sink_);
  const auto unsent = log::sinks::lines_held(sink_);
  // Closes the socket.
  sink_.reset();
  return unsent;
}

Task<bool> Writer::wait_for_end(std::chrono::milliseconds most) {
  const auto end = std::chrono::steady_clock::now() + most;
  for (bool in_time = true; in_time && pid_ != 0;) in_time = co_await ended_.wait_until(end);
  if (pid_ == 0) co_return true;
  ::kill(pid_, SIGKILL);
  forget();
  co_return false;
}

void Writer::forget() {
  if (pid_ != 0) children_.forget(std::exchange(pid_, 0));
}

}  // namespace dboot
