#pragma once

#include <chrono>
#include <functional>

#include "injector/inject/program.hpp"
#include "injector/target.hpp"

/// Makes the PID 1 of a Target execute another program. See CONTRIBUTING.md, "How it works".
namespace dboot::inject {

enum class Outcome {
  executed,  ///< PID 1 has passed execve
  unknown,   ///< whoever could have told was killed, or PID 1 was still inside execve at the
             ///< deadline
};

/// Throws Failure when the target cannot be traced: ptrace is switched off (yama), another tracer,
/// another architecture or 32-bit, shadow stack, stopped. Looks and changes nothing.
void check_traceable(const Target& target);

/// What the caller does around the injection, in the tracing child: so that whichever of the two is
/// killed, there is one left to clean up.
struct Hooks {
  /// When nothing is left to do but to attach; throwing cancels the injection.
  std::function<void()> before_attach = nullptr;
  /// When the caller has died meanwhile and the target has not executed the program. While the
  /// caller lives, it is the caller who undoes what before_attach has done.
  std::function<void()> undo_if_orphaned = nullptr;
  /// The target has executed the program and does not run yet: how long it has stood still.
  std::function<void(std::chrono::nanoseconds)> executed = nullptr;
};

/// Makes the target execute `program`. A child of the caller, single-threaded and with all signals
/// blocked, does the tracing; it calls target.verify() immediately before it attaches, and frees
/// the target when `deadline` has passed. To be called with one thread, and with nothing open for
/// writing that is to be executed (execve(2): ETXTBSY).
///
/// Throws Failure (status 125) when the target goes on as before: what execve said, why the target
/// cannot be traced or does not stop, that it has ended.
Outcome execute(const Target& target, const Program& program, std::chrono::milliseconds deadline,
                const Hooks& hooks);

}  // namespace dboot::inject
