#include "injector/inject/tracer_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <span>

#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::inject {
namespace {

enum class Kind : std::uint8_t { warning, changing, verdict };

// One record on the pipe, written and read whole.
struct Record {
  Kind kind{};
  Verdict verdict{};
  PendingCall call;
  std::array<char, 1500> what{};
  std::array<char, 1000> mend{};
};
static_assert(sizeof(Record) <= PIPE_BUF);  // pipe(7): such writes are atomic

Record of(Kind kind) {
  Record record;
  record.kind = kind;
  return record;
}

void copy(const std::string& text, std::span<char> to) {
  const std::size_t length = std::min(text.size(), to.size() - 1);
  std::copy_n(text.begin(), length, to.begin());
}

void send(int pipe, const Record& record) {
  // The parent may be gone; SIGPIPE is blocked.
  [[maybe_unused]] const ssize_t written = ::write(pipe, &record, sizeof record);
}

[[noreturn]] void be_tracer(const std::function<void(const Reporter&)>& trace,
                            const Reporter& reporter) {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &standard, nullptr);
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, cancel_signal);
  try {
    trace(reporter);
  } catch (const std::exception& error) {
    reporter.finish(Failure(error.what(), ""));
  }
  ::_exit(0);
}

void note(const Record& record, TracerResult& result) {
  switch (record.kind) {
    case Kind::warning:
      result.warnings.emplace_back(record.what.data());
      break;
    case Kind::changing:
      result.changing = record.call;
      break;
    case Kind::verdict:
      result.verdict = record.verdict;
      result.what = record.what.data();
      result.mend = record.mend.data();
      break;
  }
}

int poll_timeout(Deadline until) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
}

// Reads to the end of the pipe, which is the end of the child.
void collect(int pipe, pid_t child, Deadline last, TracerResult& result) {
  for (;;) {
    const bool needed = result.changing && !result.changing->restores_itself;
    pollfd readable{pipe, POLLIN, 0};
    const int ready = ::poll(&readable, 1, needed ? -1 : poll_timeout(last));
    if (ready < 0) continue;  // EINTR
    if (ready == 0) {
      ::kill(child, SIGKILL);
      result.hung = true;
      last = Deadline::max();
      continue;
    }
    Record record;
    const ssize_t got = ::read(pipe, &record, sizeof record);
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof record)) return;
    note(record, result);
  }
}

}  // namespace

void Reporter::warn(const std::string& text) const {
  Record record = of(Kind::warning);
  copy(text, record.what);
  send(pipe_.get(), record);
}

void Reporter::changing(const PendingCall& call) const {
  Record record = of(Kind::changing);
  record.call = call;
  send(pipe_.get(), record);
}

void Reporter::finish(Verdict verdict) const {
  Record record = of(Kind::verdict);
  record.verdict = verdict;
  send(pipe_.get(), record);
}

void Reporter::finish(const Failure& failure) const {
  Record record = of(Kind::verdict);
  record.verdict = Verdict::failed;
  copy(failure.what(), record.what);
  copy(failure.mend(), record.mend);
  send(pipe_.get(), record);
}

bool Reporter::orphaned() const noexcept {
  return ::getppid() != parent_;
}

TracerResult run_tracer(const std::function<void(const Reporter&)>& trace, Deadline deadline) {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "make a pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t parent = ::getpid();
  TracerResult result;
  pid_t child = -1;
  {
    const SignalsBlocked blocked;
    child = sys::check(::fork(), "fork the tracer");
    if (child == 0) be_tracer(trace, Reporter(std::move(write_end), parent));
  }
  write_end.reset();
  collect(read_end.get(), child, deadline + std::chrono::seconds(1), result);
  while (::waitpid(child, &result.wait_status, 0) < 0 && errno == EINTR) {
  }
  return result;
}

}  // namespace dboot::inject
