#include "payload/children/blocking.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

#include "payload/children/fork.hpp"
#include "payload/children/patience.hpp"
#include "shared/log/log.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/descriptor_passing.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::blocking {
namespace {

/// Ends the report of work that failed: NUL cannot occur in what work reports.
constexpr char failure_mark = '\0';
constexpr char success_mark = '\x01';
/// Begins a line for the log.
constexpr char note_mark = '\x02';

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

/// Takes the lines for the log out of what has come, as far as they have come to their end. Looks
/// from `from` on, and returns from where to look the next time. What follows a failure is its
/// reason, whatever that may contain.
std::size_t pass_notes_on(std::string& text, std::size_t from, Log& log) {
  static constexpr std::array marks{failure_mark, note_mark};
  for (;;) {
    const auto mark = text.find_first_of(std::string_view(marks.data(), marks.size()), from);
    if (mark == std::string::npos) return text.size();
    const auto end = text.find('\n', mark);
    if (text[mark] == failure_mark || end == std::string::npos) return mark;
    if (auto record = log::parse(std::string_view(text).substr(mark + 1, end - mark - 1)))
      log.write(*std::move(record));
    text.erase(mark, end + 1 - mark);
    from = mark;
  }
}

void name_what_hangs(Log& log, const std::string& what, pid_t pid,
                     std::chrono::milliseconds for_so_long) {
  const auto status = read_process_status(pid);
  log.info("still waiting", {{"what", what},
                             {"for", for_so_long},
                             {"pid", pid},
                             {"state", std::string(1, status ? status->state : '?')},
                             {"wchan", wait_channel(pid)}});
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

void Report::note(const log::Record& record) const {
  sys::write_all(socket_, note_mark + log::format(record) + '\n');
}

void Report::write(std::string_view line, const UniqueFd& fd) const {
  descriptor_passing::send(socket_, std::string(line) + '\n', fd.get());
}

void note_call(Log& log, std::string_view name, std::string_view about, const Outcome& outcome) {
  const std::string_view result = outcome.finished() ? "ok" : std::string_view(outcome.error);
  log.write(log::of_call(name, about, result));
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
    report.emplace(executor, std::move(socket));
  } catch (const std::exception& error) {
    if (pid > 0 && children.contains(pid)) ::kill(pid, SIGKILL);
    outcome.end = Outcome::End::failed;
    outcome.error = error.what();
    co_return outcome;
  }
  Log& log = children.log();
  const auto soon = patience / 10;
  std::size_t looked_at = 0;
  bool named = false;
  bool patient = true;
  for (bool more = true; more && patient;) {
    auto waiting = report->wait(named ? patience - soon : soon);
    patient = co_await std::move(waiting);
    if (patient) {
      more = receive(report->fd(), outcome);
      looked_at = pass_notes_on(outcome.text, looked_at, log);
    } else if (!named) {
      name_what_hangs(log, what, pid, soon);
      named = patient = true;
    }
  }
  if (!patient && children.contains(pid)) ::kill(pid, SIGKILL);
  conclude(outcome, what, !patient, patience);
  co_return outcome;
}

}  // namespace dboot::blocking
