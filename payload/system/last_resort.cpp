#include "payload/system/last_resort.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <exception>

namespace dboot {
namespace {

// Everything here is for signal handlers: no allocation, no lock, no library.

constexpr unsigned seconds_until_reboot = 10;

void say(int fd, const char* text) noexcept {
  [[maybe_unused]] const auto written = ::write(fd, text, std::strlen(text));
}

[[noreturn]] void reboot_after_a_while() noexcept {
  const pid_t child = ::fork();
  // In a child, for the end of this process is a panic; without one, there is no choice.
  if (child <= 0) {
    ::sleep(seconds_until_reboot);
    ::reboot(RB_AUTOBOOT);
  }
  if (child == 0) ::_exit(1);
  for (;;) {
    if (::waitpid(-1, nullptr, 0) < 0) ::pause();
  }
}

[[noreturn]] void end(bool on_machine, const char* why) noexcept {
  say(STDERR_FILENO, why);
  if (::getpid() != 1 || !on_machine) ::_exit(LastResort::exit_status);
  const int kernel_log = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  say(kernel_log, why);
  say(kernel_log, "dboot-init: the machine reboots in ten seconds\n");
  reboot_after_a_while();
}

// A handler gets nothing from who installs it: what it has to know is part of its type.

template <bool on_machine>
void on_crash(int signal) {
  end(on_machine, signal == SIGABRT ? "dboot-init: aborted\n" : "dboot-init: crashed\n");
}

template <bool on_machine>
void on_terminate() {
  try {
    if (const auto pending = std::current_exception()) std::rethrow_exception(pending);
  } catch (const std::exception& error) {
    say(STDERR_FILENO, error.what());
  } catch (...) {
    say(STDERR_FILENO, "an exception of unknown type");
  }
  end(on_machine, "dboot-init: unhandled exception\n");
}

}  // namespace

void LastResort::install() const {
  // The stack of a crash may be what is broken.
  static std::array<char, 64UL * 1024> memory;
  stack_t stack{};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = on_machine_ ? &on_crash<true> : &on_crash<false>;
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    ::sigaction(signal, &action, nullptr);
  std::set_terminate(on_machine_ ? &on_terminate<true> : &on_terminate<false>);
}

void LastResort::act(const char* why) const noexcept {
  end(on_machine_, why);
}

}  // namespace dboot
