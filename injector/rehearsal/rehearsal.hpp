#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "injector/rehearsal/attendance.hpp"
#include "injector/rehearsal/call_guard.hpp"
#include "injector/target.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// A PID 1 to practise on: a stub init in PID, mount, UTS, IPC, network and cgroup namespaces of
/// its own, with a private /dev and /run, a read-only /sys and /proc/sys, and a pseudo terminal as
/// its console. With the injector it ends too.
class Rehearsal {
 public:
  /// What PID 1 has on 0 to 2: its console, or three pipes, so that bytes pass unchanged and output
  /// is not error output.
  enum class Stdio : bool { console, pipes };

  /// Whether a mistake that is made in there is kept from the machine, see containment. Then a call
  /// that mounts waits for attend(). Uncontained, it is a host to test on.
  enum class Contained : bool { no, yes };

  /// Starts the stub. Throws.
  explicit Rehearsal(Stdio stdio, Contained contained = Contained::yes);
  /// Ends whatever PID 1 has become.
  ~Rehearsal();
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  const Target& target() const noexcept { return *target_; }

  /// Makes the console and the pipes another user's, who could not open /dev/console or /dev/stdout
  /// otherwise. Throws std::system_error.
  void give_stdio_to(uid_t user) const;

  /// Connects stdin, stdout and stderr with those of PID 1 until that ends; at its own end whoever
  /// has waited gets the exit status (128 + the signal that killed it). Once. Throws
  /// std::system_error.
  int attend(OwnStdio& own, const Attendance& attendance = {});
  /// After attend(): how PID 1 has ended (wait(2)); empty when it was made to.
  std::optional<int> end_of_pid_1() const noexcept { return end_of_pid_1_; }

 private:
  int reap();

  pid_t pid_ = -1;
  UniqueFd console_;  ///< the master of the pseudo terminal
  UniqueFd slave_;
  UniqueFd input_;  ///< the other ends of the pipes
  UniqueFd output_;
  UniqueFd error_;
  std::unique_ptr<const Target> target_;
  std::optional<CallGuard> guard_;
  bool has_ended_ = false;
  std::optional<int> end_of_pid_1_;
};

}  // namespace dboot
