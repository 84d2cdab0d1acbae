#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "injector/inject/arch/arch.hpp"
#include "injector/target.hpp"

namespace dboot::inject {

using Deadline = std::chrono::steady_clock::time_point;

/// What ends the wait for a stop: sent to a tracer, which has it blocked, when its parent dies
/// (PR_SET_PDEATHSIG). Once the tracee has been changed it is too late.
inline constexpr int cancel_signal = SIGTERM;

/// The tracee did not get where it was wanted in time.
class DeadlinePassed : public std::runtime_error {
 public:
  DeadlinePassed() : std::runtime_error("the deadline has passed") {}
};

/// How an execve that was injected ended.
struct ExecveResult {
  bool executed = false;
  int error = 0;  ///< its errno when it was not
};

/// A process that the calling one traces and holds. Whoever leaves the scope, by return or by
/// throw, leaves the process running; if it could not be stopped, it is the end of the calling
/// process that frees it (ptrace(2): DETACH needs a stop).
///
/// The caller is single-threaded and has all signals blocked, SIGCHLD at its default disposition:
/// that is how it waits with a deadline. ptrace options: TRACESYSGOOD and TRACEEXEC, and never
/// EXITKILL.
class Tracee {
 public:
  /// Attaches (PTRACE_SEIZE) and stops the process; signals that come first are passed on. Throws
  /// Failure when it cannot be traced, has ended or is stopped by a signal, and when
  /// `cancel_signal` comes first; DeadlinePassed.
  Tracee(const Target& target, Deadline deadline);
  ~Tracee();
  Tracee(const Tracee&) = delete;
  Tracee& operator=(const Tracee&) = delete;

  arch::State read_state() const { return arch::read_state(pid_); }
  void write_registers(const arch::Registers& registers) const {
    arch::write_registers(pid_, registers);
  }
  /// Writes all of `bytes` with one process_vm_writev. Throws std::system_error.
  void write_memory(std::uint64_t address, std::span<const std::byte> bytes) const;

  /// Lets the tracee run through the execve of `call`, whose registers it has, up to the exec event
  /// or the failed exit; then it stands still again. Signals are delivered meanwhile, and the
  /// system calls of their handlers are not taken for the execve. Throws Failure when it ends,
  /// DeadlinePassed.
  ExecveResult run(const arch::Call& call, Deadline deadline);

 private:
  int wait(Deadline deadline, bool can_be_cancelled);
  void resume(int request, int signal);

  const Target& target_;
  pid_t pid_;
  bool stopped_ = false;
};

}  // namespace dboot::inject
