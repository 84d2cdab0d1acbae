#include "injector/inject/injection.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <tuple>

#include "injector/failure.hpp"
#include "injector/inject/address_space.hpp"
#include "injector/inject/diagnosis.hpp"
#include "injector/inject/tracee.hpp"
#include "injector/inject/tracer_process.hpp"
#include "injector/report.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::inject {
namespace {

using std::chrono::milliseconds;

// Errors from here on (ERESTARTSYS) never reach user space: the call is made again.
constexpr int first_restart = 512;

// What execve changes and nothing else does: the program, where its text and its stack begin.
using Identity = std::tuple<dev_t, ino_t, std::string>;

Identity identity_of(const Target& target) {
  struct stat exe {};
  sys::check(::fstatat(target.proc(), "exe", &exe, 0), "stat the program of ", name_of(target));
  const std::string stat = sys::read_file_at(target.proc(), "stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string addresses, field;
  // proc_pid_stat(5): startcode, endcode and startstack are fields 26 to 28; the name was field 2.
  for (int number = 3; number <= 28 && fields >> field; ++number) {
    if (number >= 26) addresses += field + " ";
  }
  return {exe.st_dev, exe.st_ino, addresses};
}

// The kernel extends a stack only for the thread that runs on it, and a stack that is not the main
// one may have other things below it.
bool has_room(const std::vector<Mapping>& mappings, std::uint64_t stack_pointer,
              std::uint64_t lowest) {
  return std::ranges::any_of(mappings, [&](const Mapping& mapping) {
    return mapping.name == "[stack]" && mapping.begin <= lowest && stack_pointer < mapping.end;
  });
}

PendingCall pending(const arch::Call& call) {
  return {call.stack_pointer, call.instruction, call.after, call.restores_itself};
}

void require_code(const arch::Code& code, const Target& target, const Reporter& reporter) {
  if (code.syscall == 0) {
    throw Failure("no system call instruction was found in the text of " + name_of(target), "");
  }
  if (!code.restores_itself()) {
    reporter.warn(
        "the text of " + name_of(target) +
        " lacks the instructions to restore itself: until execve has succeeded it depends "
        "on dboot-inject not being killed");
  }
}

// Runs in the tracing child.
ExecveResult redirect(const Target& target, const Program& program, Deadline deadline,
                      const Hooks& hooks, const Reporter& reporter, bool& changed) {
  const AddressSpace space = read_address_space(target.proc());
  require_code(space.code, target, reporter);
  if (hooks.before_attach) hooks.before_attach();

  target.verify();
  Tracee tracee(target, deadline);
  const auto stopped = std::chrono::steady_clock::now();
  target.verify();  // the pid that was attached to is still that process
  const arch::State state = tracee.read_state();
  const arch::Call call = arch::build_execve(state, space.code, program);
  if (!has_room(space.mappings, arch::stack_pointer(state.registers), call.address)) {
    throw has_no_room(target, call.bytes.size());
  }
  if (!still_there(target.proc(), space.code))
    throw Failure("the text of " + name_of(target) + " has changed", "try again");
  if (reporter.orphaned()) throw was_cancelled();

  tracee.write_memory(call.address, call.bytes);
  reporter.changing(pending(call));
  changed = true;
  tracee.write_registers(call.registers);
  // Without that there is no way back but ours, however long execve takes.
  const ExecveResult result = tracee.run(call, call.restores_itself ? deadline : Deadline::max());
  if (!result.executed && !call.restores_itself) tracee.write_registers(state.registers);
  if (result.executed && hooks.executed) hooks.executed(std::chrono::steady_clock::now() - stopped);
  return result;
}

void report(const ExecveResult& result, const Target& target, const Program& program,
            const Reporter& reporter) {
  if (result.executed) return reporter.finish(Verdict::executed);
  reporter.finish(execve_failed(target, program.path, result.error));
}

void trace(const Target& target, const Program& program, milliseconds patience, const Hooks& hooks,
           const Reporter& reporter) {
  bool changed = false;
  bool goes_on_as_before = true;
  try {
    const Deadline deadline = std::chrono::steady_clock::now() + patience;
    const ExecveResult result = redirect(target, program, deadline, hooks, reporter, changed);
    goes_on_as_before = !result.executed;
    report(result, target, program, reporter);
  } catch (const DeadlinePassed&) {
    goes_on_as_before = !changed;
    if (changed)
      reporter.finish(Verdict::unknown);
    else
      reporter.finish(did_not_stop(target, patience));
  } catch (const Failure& failure) {
    reporter.finish(failure);
  } catch (const std::exception& error) {
    reporter.finish(Failure(error.what(), ""));
  }
  if (goes_on_as_before && reporter.orphaned() && hooks.undo_if_orphaned) hooks.undo_if_orphaned();
}

// Runs in a second tracing child when the first was killed: the target has executed the program,
// has failed to, or is about to try.
void find_out(const Target& target, const Program& program, const Identity& before,
              const PendingCall& call, Deadline deadline, const Reporter& reporter) {
  try {
    target.verify();
    Tracee tracee(target, deadline);
    if (identity_of(target) != before) return reporter.finish(Verdict::executed);
    const arch::Registers registers = tracee.read_state().registers;
    const std::uint64_t at = arch::instruction_pointer(registers);
    const bool ours = arch::stack_pointer(registers) == call.stack_pointer;
    const auto error = static_cast<int>(-arch::syscall_result(registers));
    if (ours && at == call.after && error < first_restart) {
      return report({.executed = false, .error = error}, target, program, reporter);
    }
    if (ours) {
      arch::Call again;
      again.stack_pointer = call.stack_pointer;
      again.after = call.after;
      return report(tracee.run(again, deadline), target, program, reporter);
    }
    reporter.finish(Failure("the tracer was killed, and " + name_of(target) +
                                " goes on without having executed " + program.path,
                            "find out who kills processes of dboot-inject, and try again"));
  } catch (const DeadlinePassed&) {
    reporter.finish(Verdict::unknown);
  }
}

std::string how_it_ended(const TracerResult& result) {
  if (result.hung) return "the tracer hung in the kernel and was killed";
  if (WIFSIGNALED(result.wait_status)) {
    return "the tracer was killed by signal " + std::to_string(WTERMSIG(result.wait_status));
  }
  return "the tracer ended with status " + std::to_string(WEXITSTATUS(result.wait_status));
}

}  // namespace

void check_traceable(const Target& target) {
  refuse_untraceable(target);
}

Outcome execute(const Target& target, const Program& program, milliseconds deadline,
                const Hooks& hooks) {
  check_traceable(target);
  const Identity before = identity_of(target);
  const auto from_now = [&] { return std::chrono::steady_clock::now() + deadline; };
  TracerResult result = run_tracer(
      [&](const Reporter& reporter) { trace(target, program, deadline, hooks, reporter); },
      from_now());
  for (const std::string& warning : result.warnings) report::warning(warning);

  if (!result.verdict) {
    const std::string how = how_it_ended(result);
    if (!result.changing) {
      throw Failure(how + " before it had changed " + name_of(target), "try again");
    }
    report::warning(how);
    const PendingCall call = *result.changing;
    const Deadline later = from_now();
    result = run_tracer(
        [&](const Reporter& reporter) { find_out(target, program, before, call, later, reporter); },
        later);
  }
  if (!result.verdict || *result.verdict == Verdict::unknown) return Outcome::unknown;
  if (*result.verdict == Verdict::executed) return Outcome::executed;
  throw Failure(result.what, result.mend);
}

}  // namespace dboot::inject
