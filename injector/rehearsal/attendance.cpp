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
#include "injector/rehearsal/escape_keys.hpp"
#include "injector/rehearsal/payload_log.hpp"
#include "injector/rehearsal/stdio.hpp"
#include "injector/terminal.hpp"
#include "shared/syscalls.hpp"

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
        output_(own.output),
        error_(own.error) {
    if (!has_console_) {
      from_output_.emplace(std::move(stdio.output));
      from_error_.emplace(std::move(stdio.error));
    }
    if (raw_.is_on() && ::isatty(STDERR_FILENO) == 1) error_.return_carriages();
  }

  int run() {
    const terminal::SizeChanges size_changes;
    const PipesBreakQuietly quietly;
    while (!has_ended()) {
      terminal::copy_size(STDIN_FILENO, console_master_);
      if (!wait()) continue;
      pass_log_on();
      pass_input_on();
      pass_output_on();
      flush();
    }
    finish();
    return signal_;
  }

 private:
  bool has_ended() const {
    pollfd ended{pidfd_, POLLIN, 0};
    return ::poll(&ended, 1, 0) > 0;
  }

  /// Until there is something to do. False when that is to look at the process again.
  bool wait() {
    std::vector<pollfd> polled{{pidfd_, POLLIN, 0}};
    if (input_.is_clear()) polled.push_back(typed_.wanted());
    if (output_of_console().is_clear()) polled.push_back(console_.wanted());
    if (from_output_ && output_.is_clear()) polled.push_back(from_output_->wanted());
    if (error_.is_clear()) {
      if (from_error_) polled.push_back(from_error_->wanted());
      if (attendance_.log != nullptr) polled.push_back({attendance_.log->changes(), POLLIN, 0});
    }
    for (const Outlet* outlet : {&input_, &output_, &error_}) polled.push_back(outlet->wanted());
    const bool ready = poll(polled);
    obey();
    return ready;
  }

  /// Signals come through here and nowhere else, so that none is missed.
  bool poll(std::vector<pollfd>& polled) const {
    timespec timeout{};
    if (end_) {
      const auto rest = std::max(*end_ - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
      timeout = {seconds.count(), std::chrono::nanoseconds(rest - seconds).count()};
    }
    const sigset_t mask = interruption::open_mask();
    const int count = ::ppoll(polled.data(), polled.size(), end_ ? &timeout : nullptr, &mask);
    if (count < 0 && errno != EINTR) sys::fail(errno, {"poll the rehearsal"});
    return count > 0;
  }

  /// What came by a signal; that nobody reads our output is like SIGPIPE.
  void obey() {
    const unsigned count = interruption::count();
    if (count != heeded_) {
      const bool again = signal_ != 0 || count - heeded_ > 1;
      heeded_ = count;
      if (signal_ == 0) signal_ = interruption::last();
      if (again) {
        at_once_ = true;
        return kill();
      }
      say("asking the rehearsal to end; once more ends it at once");
      ask();
    }
    if (output_.is_broken() && signal_ == 0) {
      signal_ = SIGPIPE;
      ask();
    }
    if (end_ && Clock::now() >= *end_) kill();
  }

  void say(std::string_view text) {
    error_.put("dboot-inject: ");
    error_.put(text);
    error_.put("\n");
    error_.flush();
  }

  void ask() {
    send(attendance_.end_signal);
    end_ = Clock::now() + attendance_.patience;
  }
  void send(int signal) const { ::syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0); }
  void kill() {
    send(SIGKILL);
    end_.reset();
  }

  Outlet& output_of_console() { return has_console_ ? output_ : error_; }

  void pass_log_on() {
    if (attendance_.log != nullptr && error_.is_clear()) error_.put(attendance_.log->take());
  }

  void pass_input_on() {
    if (!input_.is_clear() || typed_.has_ended()) return;
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
    if (from_output_) pass_on(*from_output_, output_);
    if (from_error_) pass_on(*from_error_, error_);
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
    for (std::string text; !(text = attendance_.log->take()).empty();) {
      error_.put(text);
      if (!drain()) return;
    }
  }

  /// False when a signal says that nobody waits for it any more.
  bool drain() {
    end_.reset();
    for (;;) {
      output_.flush();
      error_.flush();
      if (output_.is_clear() && error_.is_clear()) return true;
      if (at_once_) return false;
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
  std::optional<Inlet> from_output_;
  std::optional<Inlet> from_error_;
  Outlet& output_;
  Outlet& error_;
  EscapeKeys escape_;
  bool at_line_start_ = true;
  unsigned heeded_ = interruption::count();
  int signal_ = 0;        ///< the first that came
  bool at_once_ = false;  ///< there was another one
  std::optional<Clock::time_point> end_;
};

}  // namespace

int attend(OwnStdio& own, AttendedStdio stdio, int pidfd, const Attendance& attendance) {
  return Attendant(own, std::move(stdio), pidfd, attendance).run();
}

}  // namespace dboot
