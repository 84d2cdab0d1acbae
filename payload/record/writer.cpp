#include "payload/record/writer.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "payload/children/fork.hpp"

namespace dboot {

namespace {

using namespace std::chrono_literals;

/// To the takeover, where they want the same processor; and whatever is typed on a terminal is not
/// meant for it.
void stand_aside() {
  constexpr int lowest = 19;
  ::setpriority(PRIO_PROCESS, 0, lowest);
  ::setsid();
}

}  // namespace

struct Writer::Timer : boost::asio::steady_timer {
  using basic_waitable_timer::basic_waitable_timer;
};

Writer::Writer(Log& log, Children& children, const boost::asio::any_io_executor& executor,
               Log::Level from, log::Stream::Lines lines, std::string_view earlier)
    : log_(log),
      children_(children),
      stream_(lines, [this] { send_soon(); }),
      timer_(std::make_shared<Timer>(executor)),
      ended_(executor) {
  log_.add_sink(stream_.sink(), from, earlier);
}

Writer::~Writer() {
  log_.remove_sink(stream_.sink());
  forget();
}

Task<> Writer::start(std::string what, std::vector<int> keep, Work work) {
  const int socket = stream_.open();
  keep.push_back(socket);
  auto starting = fork_patiently([&] {
    const pid_t pid = fork_child(what, keep, [&] {
      stand_aside();
      work(socket);
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
  stream_.send();
}

/// In a moment, for many lines at once cost the takeover less.
void Writer::send_soon() {
  if (!is_running() || std::exchange(waits_, true)) return;
  timer_->expires_after(50ms);
  const std::weak_ptr<Timer> lives = timer_;
  timer_->async_wait([this, lives](const boost::system::error_code& cancelled) {
    if (cancelled || lives.expired()) return;
    waits_ = false;
    stream_.send();
  });
}

Task<> Writer::settle(TimePoint end) {
  constexpr auto moment = 5ms;
  stream_.send();
  for (auto now = TimePoint::clock::now(); is_running() && !stream_.is_taken() && now < end;
       now = TimePoint::clock::now()) {
    auto pausing = ended_.wait_until(std::min(end, now + moment));
    co_await std::move(pausing);
    stream_.send();
  }
}

Task<std::size_t> Writer::close(TimePoint end) {
  auto settling = settle(end);
  co_await std::move(settling);
  stream_.close();
  co_return stream_.lines_missing();
}

Task<bool> Writer::wait_for_end(TimePoint end) {
  for (bool in_time = true; in_time && is_running();) {
    auto waiting = ended_.wait_until(end);
    in_time = co_await std::move(waiting);
  }
  if (!is_running()) co_return true;
  ::kill(pid_, SIGKILL);
  forget();
  co_return false;
}

void Writer::forget() {
  if (is_running()) children_.forget(std::exchange(pid_, 0));
}

}  // namespace dboot
