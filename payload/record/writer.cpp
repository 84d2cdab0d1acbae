#include "payload/record/writer.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
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

struct Writer::Socket : boost::asio::posix::stream_descriptor {
  using basic_stream_descriptor::basic_stream_descriptor;
};

Writer::Writer(Log& log, Children& children, const boost::asio::any_io_executor& executor,
               Lines lines)
    : log_(log),
      children_(children),
      lines_(lines),
      socket_(std::make_unique<Socket>(executor)),
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
  wait_on(ours);
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

void Writer::wait_on(const UniqueFd& socket) {
  constexpr int above_stdio = 3;
  UniqueFd duplicate(
      sys::check(::fcntl(socket.get(), F_DUPFD_CLOEXEC, above_stdio), "duplicate a socket"));
  stop_waiting();
  boost::system::error_code refused;
  socket_->assign(duplicate.get(), refused);
  if (refused) sys::fail(refused.value(), {"wait for a socket"});
  duplicate.release();
}

/// When the event loop comes to it and there is room.
void Writer::send_soon() {
  if (std::exchange(waits_, true)) return;
  socket_->async_wait(Socket::wait_write, [this](const boost::system::error_code& error) {
    if (error == boost::asio::error::operation_aborted) return;
    waits_ = false;
    if (!error) log::sinks::send_held(sink_);
  });
}

void Writer::stop_waiting() {
  boost::system::error_code ignored;
  socket_->close(ignored);
  waits_ = false;
}

std::size_t Writer::finish() {
  if (!sink_) return 0;
  log_.remove_sink(sink_);
  const auto unsent = log::sinks::lines_held(sink_);
  stop_waiting();
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
