#include "payload/system/blocking.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <memory>
#include <set>

#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::blocking {
namespace {

using boost::asio::posix::stream_descriptor;

/// Ends the report of work that failed: NUL cannot occur in what work reports.
constexpr char failure_mark = '\0';
constexpr char success_mark = '\x01';

std::set<pid_t>& children() {
  static std::set<pid_t> pids;
  return pids;
}

[[noreturn]] void be_child(int socket, const Work& work, std::vector<int> keep) noexcept {
  reset_signals();
  keep.push_back(socket);
  close_all_but(std::move(keep));
  const Report report(socket);
  try {
    work(report);
    report.write({&success_mark, 1});
  } catch (const std::exception& error) {
    try {
      report.write({&failure_mark, 1});
      report.write(error.what());
    } catch (const std::exception&) {
      ::_exit(2);
    }
    ::_exit(1);
  }
  ::_exit(0);
}

/// Takes what has arrived. False at the end of the report.
bool receive(int socket, Outcome& outcome) {
  std::array<char, 16384> bytes;
  iovec data{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count <= 0) return false;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    outcome.fds.emplace_back(fd);
  }
  outcome.text.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

/// Splits what came into the report and how it ended.
void conclude(Outcome& outcome, const std::string& what) {
  if (const auto failure = outcome.text.find(failure_mark); failure != std::string::npos) {
    outcome.end = Outcome::End::failed;
    outcome.error = outcome.text.substr(failure + 1);
    outcome.text.resize(failure);
  } else if (outcome.text.ends_with(success_mark)) {
    outcome.text.pop_back();
  } else {
    outcome.end = Outcome::End::failed;
    outcome.error = what + ": its process ended without an answer";
  }
}

struct Child {
  pid_t pid = 0;
  UniqueFd socket;
};

Child start(const std::string& what, const Work& work, const std::vector<int>& keep) {
  std::array<int, 2> pair{};
  sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), "socketpair for ",
             what);
  Child child;
  child.socket.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  const SignalsBlocked blocked;
  child.pid = sys::check(::fork(), "fork for ", what);
  if (child.pid == 0) be_child(theirs.get(), work, keep);
  children().insert(child.pid);
  return child;
}

}  // namespace

void Report::write(std::string_view bytes) const {
  sys::write_all(socket_, bytes);
}

void Report::write(std::string_view line, const UniqueFd& fd) const {
  const std::string text = std::string(line) + '\n';
  iovec data{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = fd.get();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  sys::check(::sendmsg(socket_, &message, 0), "report");
}

Task<Outcome> run(std::string what, std::chrono::milliseconds deadline, Work work,
                  std::vector<int> keep) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Child child = start(what, work, keep);

  // The timer's handler may still be queued when this coroutine has gone on: what it touches must
  // live as long as the handler.
  struct Wait {
    Wait(const boost::asio::any_io_executor& where, int socket)
        : report(where, socket), timer(where) {}
    stream_descriptor report;
    boost::asio::steady_timer timer;
    bool late = false;
  };
  const auto wait = std::make_shared<Wait>(executor, child.socket.release());
  wait->timer.expires_after(deadline);
  wait->timer.async_wait([wait](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    wait->late = true;
    wait->report.cancel();
  });

  Outcome outcome;
  while (!wait->late) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    co_await wait->report.async_wait(stream_descriptor::wait_read, token);
    if (error || !receive(wait->report.native_handle(), outcome)) break;
  }
  wait->timer.cancel();
  if (wait->late) {
    if (is_child(child.pid)) ::kill(child.pid, SIGKILL);  // else its pid may be another's by now
    outcome.end = Outcome::End::late;
    outcome.error = what + ": not done after " + std::to_string(deadline.count()) + " ms";
  } else {
    conclude(outcome, what);
  }
  wait->report.close();
  co_return outcome;
}

bool is_child(pid_t pid) noexcept {
  return children().contains(pid);
}

void forget(pid_t pid) noexcept {
  children().erase(pid);
}

SignalsBlocked::SignalsBlocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() {
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

void reset_signals() noexcept {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  // By number to the kernel's last: glibc refuses its own 32 and 33, which an init may have left.
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (signal == 32 || signal == 33) {
      struct KernelAction {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)();
        unsigned long mask;
      } action{SIG_DFL, 0, nullptr, 0};
      ::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask);
    } else {
      ::sigaction(signal, &standard, nullptr);
    }
  }
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

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

}  // namespace dboot::blocking
