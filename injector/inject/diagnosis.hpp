#pragma once

#include <chrono>
#include <string>

#include "injector/failure.hpp"
#include "injector/target.hpp"

/// Why a process cannot be made to execute something, told to a person: the cause, and the mend.
/// Nothing here needs the process to run.
namespace dboot::inject {

/// "PID 1" or "process 4711".
std::string name_of(const Target& target);

/// PTRACE_SEIZE failed with `error`.
Failure cannot_attach(const Target& target, int error);
/// A signal such as SIGSTOP keeps the process from running.
Failure is_suspended(const Target& target);
Failure has_ended(const Target& target);
/// Whoever wanted it has died.
Failure was_cancelled();
/// It was attached to and did not stop for `waited`.
Failure did_not_stop(const Target& target, std::chrono::milliseconds waited);
/// It called execve of `path`, and goes on after `error`.
Failure execve_failed(const Target& target, const std::string& path, int error);
/// Its stack is somewhere else, or has no `needed` bytes left.
Failure has_no_room(const Target& target, std::size_t needed);

/// Throws Failure when the process cannot be traced as things are: it has ended, is stopped or
/// traced, is of another architecture, has a shadow stack (which no signal frame of ours fits), or
/// ptrace is switched off.
void refuse_untraceable(const Target& target);

}  // namespace dboot::inject
