#include "injector/inject/tracee.hpp"

#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "injector/failure.hpp"
#include "injector/inject/diagnosis.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::inject {
namespace {

constexpr int syscall_stop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

int event_of(int status) {
  return status >> 16;
}

// A system call that will be restarted instead of returning (include/linux/errno.h). execve is,
// when a tracer that attaches holds the lock on its credentials.
bool is_restart(std::int64_t result) {
  return result == -512 || result == -513 || result == -514 || result == -516;
}

}  // namespace

Tracee::Tracee(const Target& target, Deadline deadline) : target_(target), pid_(target.pid()) {
  if (::ptrace(PTRACE_SEIZE, pid_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC) < 0) {
    throw cannot_attach(target, errno);
  }
  for (;;) {
    sys::check(::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr), "interrupt process ",
               std::to_string(pid_));
    const int status = wait(deadline, true);
    if (event_of(status) == PTRACE_EVENT_STOP) {
      if (WSTOPSIG(status) == SIGTRAP) return;
      // The destructor will not run: without an event stop of its own it goes on being stopped.
      ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
      throw is_suspended(target);
    }
    // Another stop that came first has taken the interrupt with it (kernel/signal.c: ptrace_stop).
    resume(PTRACE_CONT, event_of(status) == 0 ? WSTOPSIG(status) : 0);
  }
}

Tracee::~Tracee() {
  if (stopped_) ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
}

void Tracee::write_memory(std::uint64_t address, std::span<const std::byte> bytes) const {
  // process_vm_writev(2) does not write through the local vector.
  const iovec local{const_cast<std::byte*>(bytes.data()), bytes.size()};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it points into another process
  const iovec remote{reinterpret_cast<void*>(address), bytes.size()};
  const ssize_t written = sys::check(::process_vm_writev(pid_, &local, 1, &remote, 1, 0),
                                     "write below the stack of process ", std::to_string(pid_));
  if (static_cast<std::size_t>(written) != bytes.size()) {
    sys::fail(EFAULT, {"write below the stack of process ", std::to_string(pid_)});
  }
}

ExecveResult Tracee::run(const arch::Call& call, Deadline deadline) {
  for (int signal = 0;;) {
    resume(PTRACE_SYSCALL, signal);
    const int status = wait(deadline, false);
    signal = 0;
    if (event_of(status) == PTRACE_EVENT_EXEC) return {.executed = true};
    if (event_of(status) != 0) continue;
    if (WSTOPSIG(status) != syscall_stop) {
      signal = WSTOPSIG(status);
      continue;
    }
    __ptrace_syscall_info info{};
    sys::check(::ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof info, &info),
               "ask for the system call of process ", std::to_string(pid_));
    const bool ours =
        info.instruction_pointer == call.after && info.stack_pointer == call.stack_pointer;
    if (!ours || info.op != PTRACE_SYSCALL_INFO_EXIT || is_restart(info.exit.rval)) continue;
    return {.executed = false, .error = static_cast<int>(-info.exit.rval)};
  }
}

int Tracee::wait(Deadline deadline, bool can_be_cancelled) {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  if (can_be_cancelled) sigaddset(&awaited, cancel_signal);
  for (;;) {
    int status = 0;
    const pid_t changed = sys::check(::waitpid(pid_, &status, WNOHANG | __WALL),
                                     "wait for process ", std::to_string(pid_));
    if (changed == pid_) {
      if (!WIFSTOPPED(status)) throw has_ended(target_);
      stopped_ = true;
      return status;
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) throw DeadlinePassed();
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec timeout{static_cast<time_t>(nanoseconds / 1'000'000'000),
                           static_cast<long>(nanoseconds % 1'000'000'000)};
    // EAGAIN and EINTR: the loop looks again.
    if (::sigtimedwait(&awaited, nullptr, &timeout) == cancel_signal) throw was_cancelled();
  }
}

void Tracee::resume(int request, int signal) {
  stopped_ = false;
  sys::check(::ptrace(static_cast<__ptrace_request>(request), pid_, nullptr, signal),
             "resume process ", std::to_string(pid_));
}

}  // namespace dboot::inject
