#include "payload/children/blocking.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

#include "payload/children/fork.hpp"
#include "payload/children/patience.hpp"
#include "shared/system/descriptor_passing.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::blocking {
namespace {

/// Ends the report of work that failed: NUL cannot occur in what work reports.
constexpr char failure_mark = '\0';
constexpr char success_mark = '\x01';

[[noreturn]] void be_child(int socket, const Work& work) noexcept {
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

/// Takes what has arrived. False at the end of the report, and when nothing can be received.
bool receive(int socket, Outcome& outcome) {
  std::array<char, 16384> bytes;
  const auto count = descriptor_passing::receive(socket, bytes, outcome.fds, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count < 0) outcome.error = std::strerror(errno);
  if (count <= 0) return false;
  outcome.text.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

/// Splits what came into the report and how it ended. The end of the work counts, whether or not
/// the end of its process has been seen.
void conclude(Outcome& outcome, const std::string& what, bool late,
              std::chrono::milliseconds patience) {
  if (const auto failure = outcome.text.find(failure_mark); failure != std::string::npos) {
    outcome.end = Outcome::End::failed;
    outcome.error = outcome.text.substr(failure + 1);
    outcome.text.resize(failure);
  } else if (outcome.text.ends_with(success_mark)) {
    outcome.error.clear();
    outcome.text.pop_back();
  } else if (late) {
    outcome.end = Outcome::End::late;
    outcome.error = what + ": nothing done for " + std::to_string(patience.count()) + " ms";
  } else {
    outcome.end = Outcome::End::failed;
    outcome.error = what + (outcome.error.empty() ? ": its process ended without an answer"
                                                  : ": its answer is lost: " + outcome.error);
  }
}

pid_t start(Children& children, const std::string& what, const Work& work, std::vector<int> keep,
            UniqueFd& socket) {
  std::array<int, 2> pair{};
  sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), "socketpair for ",
             what);
  socket.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  keep.push_back(theirs.get());
  const pid_t pid = fork_child(what, std::move(keep), [&] { be_child(theirs.get(), work); });
  children.add(pid, Children::Kind::helper);
  return pid;
}

}  // namespace

void Report::write(std::string_view bytes) const {
  sys::write_all(socket_, bytes);
}

void Report::write(std::string_view line, const UniqueFd& fd) const {
  descriptor_passing::send(socket_, std::string(line) + '\n', fd.get());
}

Task<Outcome> run(Children& children, std::string what, std::chrono::milliseconds patience,
                  Work work, std::vector<int> keep) {
  Outcome outcome;
  UniqueFd socket;
  pid_t pid = 0;
  std::optional<Patience> report;
  const auto executor = co_await boost::asio::this_coro::executor;
  try {
    auto starting = fork_patiently([&] { return start(children, what, work, keep, socket); });
    pid = co_await std::move(starting);
    report.emplace(executor, std::move(socket), patience);
  } catch (const std::exception& error) {
    if (pid > 0 && children.contains(pid)) ::kill(pid, SIGKILL);
    outcome.end = Outcome::End::failed;
    outcome.error = error.what();
    co_return outcome;
  }
  bool patient = true;
  do {
    auto waiting = report->wait();
    patient = co_await std::move(waiting);
  } while (patient && receive(report->fd(), outcome));
  if (!patient && children.contains(pid)) ::kill(pid, SIGKILL);
  conclude(outcome, what, !patient, patience);
  co_return outcome;
}

}  // namespace dboot::blocking
