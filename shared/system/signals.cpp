#include "shared/system/signals.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace dboot {

SignalsBlocked::SignalsBlocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void unblock_signals() noexcept {
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

void reset_signals() noexcept {
  // By number to the kernel's last, and past glibc, which refuses its own 32 and 33: an init may
  // have left them ignored.
  constexpr int last = 64;
  struct KernelAction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  } standard{SIG_DFL, 0, nullptr, 0};
  for (int signal = 1; signal <= last; ++signal)
    ::syscall(SYS_rt_sigaction, signal, &standard, nullptr, sizeof standard.mask);
  unblock_signals();
}

void restart_calls_after(int signal) noexcept {
  struct sigaction action {};
  if (::sigaction(signal, nullptr, &action) != 0) return;
  action.sa_flags |= SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace dboot
