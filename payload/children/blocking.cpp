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

/// What a message of a child is, by its first byte.
enum class Kind : char { text = 't', note = 'n', success = 's', failure = 'f' };

/// With that byte. A line for the log is never cut: paths have 4096 bytes, escaped four times that.
constexpr std::size_t most_of_a_message = 32UL * 1024;

void send(int socket, Kind kind, std::string_view bytes) {
  do {
    const auto part = bytes.substr(0, most_of_a_message - 1);
    sys::write_all(socket, static_cast<char>(kind) + std::string(part));
    bytes.remove_prefix(part.size());
  } while (!bytes.empty());
}

[[noreturn]] void be_child(int socket, const Work& work) noexcept {
  try {
    work(Report(socket));
    send(socket, Kind::success, "");
  } catch (const std::exception& error) {
    try {
      send(socket, Kind::failure, error.what());
    } catch (const std::exception&) {
      ::_exit(2);
    }
    ::_exit(1);
  }
  ::_exit(0);
}

/// What has come of a child's report.
struct Received {
  Outcome& outcome;
  Log& log;
  bool is_whole = false;  ///< the child has said how its work ended

  void take(Kind kind, std::string_view bytes) {
    switch (kind) {
      case Kind::text:
        outcome.text += bytes;
        break;
      case Kind::note:
        if (auto record = log::parse(bytes)) log.write(*std::move(record));
        break;
      case Kind::failure:
        outcome.end = Outcome::End::failed;
        outcome.error += bytes;
        is_whole = true;
        break;
      case Kind::success:
        is_whole = true;
        break;
    }
  }
};

/// Takes the messages that have come. False at the end, and when nothing can be received.
bool receive(int socket, Received& received) {
  std::array<char, most_of_a_message> bytes;
  for (;;) {
    const auto count =
        descriptor_passing::receive(socket, bytes, received.outcome.fds, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0 && !received.is_whole) received.outcome.error = std::strerror(errno);
    if (count <= 0) return false;
    received.take(static_cast<Kind>(bytes.front()),
                  {bytes.data() + 1, static_cast<std::size_t>(count) - 1});
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

/// For one that has not said how it ended. (When it has, that counts, whether or not the end of its
/// process has been seen.)
void conclude(Outcome& outcome, const std::string& what, bool late,
              std::chrono::milliseconds patience) {
  if (late) {
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
  sys::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()),
             "socketpair for ", what);
  socket.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  keep.push_back(theirs.get());
  const pid_t pid = fork_child(what, std::move(keep), [&] { be_child(theirs.get(), work); });
  children.add(pid, Children::Kind::helper);
  return pid;
}

}  // namespace

void Report::write(std::string_view bytes) const {
  send(socket_, Kind::text, bytes);
}

void Report::note(const log::Record& record) const {
  send(socket_, Kind::note, log::format(record));
}

void Report::write(std::string_view line, const UniqueFd& fd) const {
  const std::string message = static_cast<char>(Kind::text) + std::string(line) + '\n';
  descriptor_passing::send(socket_, message, fd.get());
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
  Received received{outcome, children.log()};
  const auto soon = patience / 10;
  bool named = false;
  bool patient = true;
  for (bool more = true; more && patient;) {
    auto waiting = report->wait(named ? patience - soon : soon);
    patient = co_await std::move(waiting);
    if (patient) {
      more = receive(report->fd(), received);
    } else if (!named) {
      name_what_hangs(children.log(), what, pid, soon);
      named = patient = true;
    }
  }
  if (!patient && children.contains(pid)) ::kill(pid, SIGKILL);
  if (!received.is_whole) conclude(outcome, what, !patient, patience);
  co_return outcome;
}

}  // namespace dboot::blocking
