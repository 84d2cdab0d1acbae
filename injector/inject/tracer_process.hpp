#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "injector/failure.hpp"
#include "injector/inject/tracee.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::inject {

/// How to recognise an execve that was set up in the target and may not have run yet.
struct PendingCall {
  std::uint64_t stack_pointer = 0;
  std::uint64_t instruction = 0;
  std::uint64_t after = 0;
  bool restores_itself = false;
};

/// What a tracing child found out.
enum class Verdict : std::uint8_t { executed, failed, unknown };

/// The child's end: how it reports.
class Reporter {
 public:
  Reporter(UniqueFd pipe, pid_t parent) : pipe_(std::move(pipe)), parent_(parent) {}

  void warn(const std::string& text) const;
  /// From here on the target may execute the program without anybody's help.
  void changing(const PendingCall& call) const;
  void finish(Verdict verdict) const;
  void finish(const Failure& failure) const;
  /// The parent has died, and nobody will hear the verdict.
  bool orphaned() const noexcept;

 private:
  UniqueFd pipe_;
  pid_t parent_;
};

/// What is known when a tracing child has ended.
struct TracerResult {
  std::optional<PendingCall> changing;
  std::optional<Verdict> verdict;  ///< empty: it was killed, or hung and was killed
  std::string what;                ///< with Verdict::failed: the Failure to throw
  std::string mend;
  std::vector<std::string> warnings;
  bool hung = false;    ///< it did not observe the deadline, and was killed for that
  int wait_status = 0;  ///< waitpid(2)
};

/// Runs `trace` in a forked child in a session of its own (so that no key reaches it) with all
/// signals blocked and SIGCHLD at its default. The child observes `deadline` itself; if it hangs
/// in the kernel beyond that, it is killed, unless the target needs it in order to go on. Throws
/// std::system_error when there can be no child.
TracerResult run_tracer(const std::function<void(const Reporter&)>& trace, Deadline deadline);

}  // namespace dboot::inject
