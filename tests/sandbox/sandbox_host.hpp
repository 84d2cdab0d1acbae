#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "injector/rehearsal/rehearsal.hpp"
#include "shared/system/unique_fd.hpp"
#include "tests/sandbox/host_state.hpp"

namespace dboot::testing {

/// A process inside a SandboxHost, with its output on a pipe; killed and reaped with the object.
class SandboxProcess {
 public:
  SandboxProcess(pid_t waiter, pid_t pid, UniqueFd output)
      : waiter_(waiter), pid_(pid), output_(std::move(output)) {}
  SandboxProcess(SandboxProcess&& other) noexcept;
  SandboxProcess& operator=(SandboxProcess&&) = delete;
  ~SandboxProcess();

  /// Its pid outside.
  pid_t pid() const noexcept { return pid_; }
  /// Sends it a signal.
  void signal(int number) const;
  /// Its exit status, or 128 + the signal that ended it.
  int wait();
  /// What it and its children have written until all of them have closed it, or it is `enough`. A
  /// minute at most.
  std::string output(const std::function<bool()>& enough = {});

 private:
  pid_t waiter_;  ///< its parent, outside
  pid_t pid_;
  UniqueFd output_;
};

/// A host that may be taken over: a PID 1 in namespaces of its own, where no file denies it. What
/// happens to it reaches nothing outside, because /sys and /proc/sys are read-only there, and /dev
/// and /run its own.
class SandboxHost {
 public:
  SandboxHost();

  pid_t pid_1() const noexcept { return host_.target().pid(); }
  /// Makes PID 1 execute another program, to see what becomes of a takeover then.
  void replace_pid_1(const std::vector<std::string>& command);

  /// Starts a command there. Its standard input is /dev/null.
  SandboxProcess start(const std::vector<std::string>& command) const;

  struct Result {
    int status;
    std::string output;  ///< standard output and error
  };
  /// Runs a command there to its end.
  Result run(const std::vector<std::string>& command) const;

  /// Waits for the end of PID 1, whatever that has become, and returns its exit status; `console`
  /// is what was written to its console since it was made.
  int attend(std::string& console);

  /// What it looks like from within.
  HostState state() const;
  /// The program that PID 1 is.
  std::string executable_of_pid_1() const;

 private:
  SandboxProcess start(const std::function<int()>& main) const;

  Rehearsal host_{Rehearsal::Stdio::console, Rehearsal::Contained::no};
};

}  // namespace dboot::testing
