#pragma once

#include <signal.h>

namespace dboot {

/// Blocks every signal of this thread while the object lives; children and threads that are started
/// meanwhile inherit that.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept;
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

/// None is blocked any more.
void unblock_signals() noexcept;

/// Default dispositions, nothing blocked: as a program expects it that is executed.
void reset_signals() noexcept;

/// System calls that the handler of that signal interrupts go on after it (SA_RESTART), which asio
/// does not ask for. After the handler has been set.
void restart_calls_after(int signal) noexcept;

}  // namespace dboot
