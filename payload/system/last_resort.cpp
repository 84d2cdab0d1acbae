#include "payload/system/last_resort.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <initializer_list>

#include "shared/plan/layout.hpp"

namespace dboot {
namespace {

// Everything here is for signal handlers: no allocation, no lock, no library.

using Then = LastResort::Then;

constexpr unsigned seconds_until_reboot = 10;

/// A text of parts, cut off where there is no more room.
class Line {
 public:
  Line(std::initializer_list<const char*> parts) noexcept {
    for (const char* part : parts) {
      const std::size_t size = std::min(::strlen(part), text_.size() - 1 - size_);
      std::copy_n(part, size, text_.begin() + size_);
      size_ += size;
    }
  }
  void write_to(int fd) const noexcept {
    [[maybe_unused]] const auto written = ::write(fd, text_.data(), size_);
  }
  char* text() noexcept { return text_.data(); }

 private:
  std::array<char, 512> text_{};
  std::size_t size_ = 0;
};

/// As an urgent one, because those below are not shown on consoles that have our own log
/// (payload/console/kernel_log.cpp).
void say_to_kernel_log(const char* why) noexcept {
  const Line line{"<2>dboot-init: ", why, "; the machine reboots in ten seconds\n"};
  const int kernel_log = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  line.write_to(kernel_log < 0 ? STDERR_FILENO : kernel_log);
}

void begin_anew(const char* why) noexcept {
  Line reason{why};
  std::array<char*, 4> arguments{const_cast<char*>(layout::payload),
                                 const_cast<char*>(LastResort::begin_anew_option), reason.text(),
                                 nullptr};
  std::array<char*, 1> environment{nullptr};
  // The first works without any path to the file, the second without /proc.
  for (const char* program : {"/proc/self/exe", layout::payload})
    ::execve(program, arguments.data(), environment.data());
}

void reset_now() noexcept {
  const int trigger = ::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
  [[maybe_unused]] const auto written = ::write(trigger, "b", 1);
}

/// Where a reboot hangs, every other one waits for it.
void reset_when_a_reboot_hangs() noexcept {
  constexpr unsigned seconds_for_a_reboot = 300;
  if (::fork() != 0) return;
  ::sleep(seconds_until_reboot + seconds_for_a_reboot);
  reset_now();
  ::_exit(1);
}

[[noreturn]] void reboot_after_a_while() noexcept {
  reset_when_a_reboot_hangs();
  const pid_t child = ::fork();
  // In a child, for the end of this process is a panic; without one, there is no choice.
  if (child <= 0) {
    ::sleep(seconds_until_reboot);
    ::reboot(RB_AUTOBOOT);
    // It may have been forbidden.
    reset_now();
  }
  if (child == 0) ::_exit(1);
  for (;;) {
    if (::waitpid(-1, nullptr, 0) < 0) ::pause();
  }
}

[[noreturn]] void end(Then then, const char* why) noexcept {
  if (::getpid() != 1 || then == Then::exit) {
    Line{"dboot-init: ", why, "\n"}.write_to(STDERR_FILENO);
    ::_exit(LastResort::exit_status);
  }
  if (then == Then::begin_anew) begin_anew(why);
  say_to_kernel_log(why);
  reboot_after_a_while();
}

// A handler gets nothing from who installs it: what it has to know is part of its type.

template <Then then>
void on_crash(int signal) {
  const char* name = ::sigabbrev_np(signal);
  end(then, Line{"crashed with SIG", name == nullptr ? "" : name}.text());
}

template <Then then>
void on_terminate() {
  try {
    if (const auto pending = std::current_exception()) std::rethrow_exception(pending);
  } catch (const std::exception& error) {
    end(then, error.what());
  } catch (...) {
    end(then, "an exception of unknown type");
  }
  end(then, "terminated");
}

struct Handlers {
  void (*on_crash)(int);
  void (*on_terminate)();
};

Handlers handlers_for(Then then) noexcept {
  switch (then) {
    case Then::begin_anew:
      return {&on_crash<Then::begin_anew>, &on_terminate<Then::begin_anew>};
    case Then::reboot:
      return {&on_crash<Then::reboot>, &on_terminate<Then::reboot>};
    default:
      return {&on_crash<Then::exit>, &on_terminate<Then::exit>};
  }
}

}  // namespace

void LastResort::install() const {
  // The stack of a crash may be what is broken.
  static std::array<char, 64UL * 1024> memory;
  stack_t stack{};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  ::sigaltstack(&stack, nullptr);
  const Handlers handlers = handlers_for(then_);
  struct sigaction action {};
  action.sa_handler = handlers.on_crash;
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    ::sigaction(signal, &action, nullptr);
  std::set_terminate(handlers.on_terminate);
}

void LastResort::act(const char* why) const noexcept {
  end(then_, why);
}

}  // namespace dboot
