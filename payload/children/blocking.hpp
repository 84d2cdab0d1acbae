#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/task.hpp"
#include "shared/log/record.hpp"
#include "shared/system/unique_fd.hpp"

/// Whatever can block inside the kernel (umount, sync, swapoff, opening a device, reading
/// /proc/PID/cmdline) runs in a forked child with a deadline. Not in a thread: a thread that sleeps
/// uninterruptibly would hold up the final execve for ever.
namespace dboot::blocking {

/// Where the work in the child reports to; what was given before the deadline arrives in any case.
class Report {
 public:
  explicit Report(int socket) noexcept : socket_(socket) {}
  /// Sends bytes.
  void write(std::string_view bytes) const;
  /// Sends a descriptor along with one line of text (without its newline).
  void write(std::string_view line, const UniqueFd& fd) const;
  /// Sends a line for the log, where it appears at once.
  void note(const log::Record& record) const;
  void trace(std::string message, std::vector<log::Fact> facts) const {
    note({.level = log::Level::trace, .message = std::move(message), .facts = std::move(facts)});
  }
  void debug(std::string message, std::vector<log::Fact> facts) const {
    note({.level = log::Level::debug, .message = std::move(message), .facts = std::move(facts)});
  }
  void info(std::string message, std::vector<log::Fact> facts) const {
    note({.message = std::move(message), .facts = std::move(facts)});
  }
  void warning(std::string message, std::vector<log::Fact> facts) const {
    note({.level = log::Level::warning, .message = std::move(message), .facts = std::move(facts)});
  }
  /// As Log::call() has it.
  void call(std::string_view name, std::string_view about, int error = 0) const {
    note(log::of_call(name, about, error));
  }

 private:
  int socket_;
};

struct Outcome {
  enum class End { finished, failed, late };
  End end = End::finished;
  std::string text;           ///< what the work reported
  std::vector<UniqueFd> fds;  ///< in the order in which they were reported
  std::string error;          ///< why it failed, or that it was late; empty when finished
  bool finished() const noexcept { return end == End::finished; }
};

/// As Log::call() has it, of a child that was there for the one call.
void note_call(Log& log, std::string_view name, std::string_view about, const Outcome& outcome);

using Work = std::function<void(const Report&)>;

/// Runs `work` in a child. `what` names it in the log ("sync"). Of the parent's descriptors the
/// child keeps 0 to 2 and `keep`. An exception in it makes the outcome "failed", with its what().
/// When it has reported nothing for a tenth of `patience`, the log says where in the kernel it
/// waits; when nothing has come for all of it, the child is killed and left to be reaped: it may
/// stay in the kernel for ever. When no child can be made, the outcome is "failed"
/// as well: the takeover goes on without.
Task<Outcome> run(Children& children, std::string what, std::chrono::milliseconds patience,
                  Work work, std::vector<int> keep = {});

}  // namespace dboot::blocking
