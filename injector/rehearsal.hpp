#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "injector/target.hpp"
#include "shared/unique_fd.hpp"

namespace dboot {

/// A PID 1 to practise on: a stub init in PID, mount, UTS, IPC, network and cgroup namespaces of
/// its own, with a private /dev and /run, a read-only /sys and /proc/sys, and a pseudo terminal as
/// its console. What is done to it reaches nothing outside, and with the injector it ends too.
class Rehearsal {
 public:
  /// Starts the stub. Throws.
  Rehearsal();
  /// Ends whatever PID 1 has become.
  ~Rehearsal();
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  const Target& target() const noexcept { return *target_; }

  /// Connects the console with stdin and stdout until PID 1 ends, and returns its exit status (128
  /// + the signal that killed it). A terminal is in raw mode meanwhile. Throws Failure when
  /// interrupted.
  int attend();

 private:
  int reap();

  pid_t pid_ = -1;
  UniqueFd console_;  ///< the master of the pseudo terminal
  UniqueFd slave_;
  std::unique_ptr<const Target> target_;
  std::optional<int> status_;
};

}  // namespace dboot
