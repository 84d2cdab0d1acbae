#include "injector/rehearsal/attendance.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "injector/interruption.hpp"
#include "injector/rehearsal/call_guard.hpp"
#include "injector/rehearsal/escape_keys.hpp"
#include "injector/rehearsal/payload_log.hpp"
#include "injector/report.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/terminal/streams.hpp"
#include "shared/terminal/terminal.hpp"

namespace dboot {
namespace {

using Clock = std::chrono::steady_clock;

UniqueFd duplicate(int fd) {
  return UniqueFd(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "duplicate the console"));
}

/// A write to a pipe that nobody reads is an error, and no end of this process (EPIPE, pipe(7)).
class PipesBreakQuietly {
 public:
  PipesBreakQuietly() noexcept {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before_);
  }
  ~PipesBreakQuietly() { ::sigaction(SIGPIPE, &before_, nullptr); }
  PipesBreakQuietly(const PipesBreakQuietly&) = delete;
  PipesBreakQuietly& operator=(const PipesBreakQuietly&) = delete;

 private:
  struct sigaction before_ {};
};

class Attendant {
 public:
  Attendant(OwnStdio& own, AttendedStdio stdio, int pidfd, const Attendance& attendance)
      : attendance_(attendance),
        pidfd_(pidfd),
        has_console_(!stdio.input),
        raw_(has_console_ ? STDIN_FILENO : -1),
        console_master_(stdio.console),
        typed_(own.input),
        input_(has_console_ ? duplicate(stdio.console) : std::move(stdio.input)),
        console_(duplicate(stdio.console)),
        from_output_(std::move(stdio.output)),
        from_error_(std::move(stdio.error)),
        output_(own.output),
        error_(own.error) {
    if (raw_.is_on() && ::isatty(STDERR_FILENO) == 1) error_.return_carriages();
  }

  Attended run() {
    const terminal::SizeChanges size_changes;
    const PipesBreakQuietly quietly;
    while (!has_ended()) {
      if (terminal::SizeChanges::take()) terminal::copy_size(STDIN_FILENO, console_master_);
      if (!wait()) continue;
      answer_calls();
      pass_log_on();
      pass_input_on();
      pass_output_on();
      flush();
    }
    finish();
    note_broken_output();
    return result_;
  }

 private:
  bool has_ended() const {
    pollfd ended{pidfd_, POLLIN, 0};
    return ::poll(&ended, 1, 0) > 0;
  }

  /// Until there is something to do. False when that is to look at the process again.
  bool wait() {
    std::vector<pollfd> polled{{pidfd_, POLLIN, 0}};
    if (attendance_.guard != nullptr) polled.push_back({attendance_.guard->calls(), POLLIN, 0});
    if (may_type()) polled.push_back(typed_.wanted());
    if (output_of_console().is_clear()) polled.push_back(console_.wanted());
    if (output_.is_clear()) polled.push_back(from_output_.wanted());
    if (error_.is_clear()) {
      polled.push_back(from_error_.wanted());
      if (attendance_.log != nullptr) polled.push_back({attendance_.log->changes(), POLLIN, 0});
    }
    for (const Outlet* outlet : {&input_, &output_, &error_}) polled.push_back(outlet->wanted());
    const bool ready = poll(polled);
    obey();
    return ready;
  }

  /// Signals come through here and nowhere else, so that none is missed.
  bool poll(std::vector<pollfd>& polled) const {
    const bool more =
        attendance_.log != nullptr && attendance_.log->has_more() && error_.is_clear();
    timespec timeout{};
    if (end_ && !more) {
      const auto rest = std::max(*end_ - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
      timeout = {seconds.count(), std::chrono::nanoseconds(rest - seconds).count()};
    }
    const sigset_t mask = terminal::SizeChanges::open(interruption::mask_without_them());
    const int count =
        ::ppoll(polled.data(), polled.size(), end_ || more ? &timeout : nullptr, &mask);
    if (count < 0 && errno != EINTR) sys::fail(errno, {"poll the rehearsal"});
    return count > 0 || more;
  }

  /// What came by a signal; that nobody reads our output is like one.
  void obey() {
    const unsigned count = interruption::count();
    if (count != heeded_) {
      const bool again = end_ || result_.is_ended || count - heeded_ > 1;
      heeded_ = count;
      if (result_.signal == 0) result_.signal = interruption::last();
      if (again) {
        at_once_ = true;
        return kill();
      }
      say("asking the rehearsal to end; once more ends it at once");
      ask();
    }
    if (output_.broken() != 0 && result_.signal == 0 && result_.lost_output == 0) {
      note_broken_output();
      ask();
    }
    if (end_ && Clock::now() >= *end_) kill();
  }

  void note_broken_output() {
    if (result_.signal != 0 || output_.broken() == 0) return;
    (output_.broken() == EPIPE ? result_.signal : result_.lost_output) =
        output_.broken() == EPIPE ? SIGPIPE : output_.broken();
  }

  void say(std::string_view text) {
    error_.put("dboot-inject: ");
    error_.put(text);
    error_.put("\n");
    error_.flush();
  }

  /// Once the payload is there to hear it, which its log tells.
  void ask() {
    end_ = Clock::now() + attendance_.patience;
    if (is_there_) {
      send(attendance_.end_signal);
    } else {
      to_be_asked_ = true;
    }
  }
  void note_presence() {
    is_there_ = true;
    if (std::exchange(to_be_asked_, false)) send(attendance_.end_signal);
  }
  void send(int signal) const { ::syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0); }
  void kill() {
    send(SIGKILL);
    result_.is_ended = true;
    end_.reset();
  }

  void answer_calls() {
    if (attendance_.guard == nullptr) return;
    const auto harm = attendance_.guard->answer();
    if (!harm.empty()) say("refused in a rehearsal: " + harm);
  }

  Outlet& output_of_console() { return has_console_ ? output_ : error_; }

  void pass_log_on() {
    if (attendance_.log == nullptr || !error_.is_clear()) return;
    error_.put(attendance_.log->take());
    report::update_copy();
    if (!is_there_ && attendance_.log->is_there()) note_presence();
  }

  /// On a terminal, Ctrl-] is heard even when nobody reads what is typed.
  bool may_type() const {
    constexpr std::size_t most = std::size_t{1} << 20U;
    return input_.is_clear() || (raw_.is_on() && input_.pending() < most);
  }

  void pass_input_on() {
    if (!may_type() || typed_.has_ended()) return;
    const std::string bytes = typed_.take();
    if (raw_.is_on() && escape_.complete(bytes, Clock::now())) {
      say("the rehearsal is ended by Ctrl-]");
      return kill();
    }
    input_.put(bytes);
    if (!bytes.empty()) at_line_start_ = bytes.back() == '\n';
    if (!typed_.has_ended()) return;
    if (has_console_) {
      // Typed within a line, the first one only ends that.
      const std::string end = terminal::end_of_file(console_master_);
      input_.put(at_line_start_ ? end : end + end);
    } else {
      input_.close_after_that();
    }
  }

  void pass_output_on() {
    pass_on(console_, output_of_console());
    pass_on(from_output_, output_);
    pass_on(from_error_, error_);
  }

  static void pass_on(Inlet& from, Outlet& to) {
    if (to.is_clear() && !from.has_ended()) to.put(from.take());
  }

  void flush() {
    for (Outlet* outlet : {&input_, &output_, &error_}) outlet->flush();
  }

  /// What is left. Everybody who could add to it has ended with PID 1.
  void finish() {
    const auto is_left = [&] { return !output_.is_clear() || !error_.is_clear(); };
    for (bool more = true; more;) {
      pass_output_on();
      more = is_left();
      if (!drain()) return;
    }
    if (attendance_.log == nullptr) return;
    do {
      error_.put(attendance_.log->take());
      if (!drain()) return;
    } while (attendance_.log->has_more());
    error_.put(attendance_.log->take_rest());
    drain();
  }

  /// False when a signal says that nobody waits for it any more.
  bool drain() {
    end_.reset();
    // Who has told it to end does not wait for whoever does not read.
    constexpr std::chrono::seconds for_readers{1};
    if (result_.signal != 0 || result_.is_ended) end_ = Clock::now() + for_readers;
    for (;;) {
      output_.flush();
      error_.flush();
      if (output_.is_clear() && error_.is_clear()) return true;
      if (at_once_ || (end_ && Clock::now() >= *end_)) return false;
      std::vector<pollfd> polled{output_.wanted(), error_.wanted()};
      poll(polled);
      at_once_ = interruption::count() != heeded_;
    }
  }

  const Attendance& attendance_;
  int pidfd_;
  bool has_console_;
  terminal::RawMode raw_;
  int console_master_;
  Inlet& typed_;
  Outlet input_;
  Inlet console_;
  Inlet from_output_;
  Inlet from_error_;
  Outlet& output_;
  Outlet& error_;
  EscapeKeys escape_;
  bool at_line_start_ = true;
  unsigned heeded_ = interruption::count();
  Attended result_;
  bool at_once_ = false;  ///< there was another signal
  bool is_there_ = attendance_.log == nullptr;
  bool to_be_asked_ = false;
  std::optional<Clock::time_point> end_;
};

}  // namespace

Attended attend(OwnStdio& own, AttendedStdio stdio, int pidfd, const Attendance& attendance) {
  return Attendant(own, std::move(stdio), pidfd, attendance).run();
}

}  // namespace dboot
