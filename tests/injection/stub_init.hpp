#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "injector/target.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/unique_fd.hpp"
#include "tests/support/eventually.hpp"

namespace dboot::testing {

/// What a stub does all day, with canaries in its registers.
enum class Work {
  epoll_wait,
  nanosleep,
  poll,
  futex,
  sigtimedwait,
  spin,     ///< user space alone
  threads,  ///< nanosleep, while other threads of it work
  crashed,  ///< all signals blocked, in pause for ever: what is left of an init that crashed
  vfork,    ///< waits in vfork until release(), then nanosleep
};
std::string to_string(Work work);

/// What has become of a stub.
enum class Condition { original, executed, corrupted, ended, stuck };
std::ostream& operator<<(std::ostream& out, Condition condition);

/// What a stub and its test share.
struct Shared {
  std::uint32_t beat = 0;       ///< futex: how often the work was done without harm
  std::uint32_t corrupted = 0;  ///< something was not what it should have been
  std::uint32_t signals = 0;    ///< real-time signals handled
};

/// The PID 1 of a PID namespace of its own: the only kind of PID 1 that tests trace.
class StubInit {
 public:
  explicit StubInit(Work work);
  /// Executes a program instead. Throws when it cannot be.
  explicit StubInit(const std::vector<std::string>& command);
  ~StubInit();
  StubInit(const StubInit&) = delete;
  StubInit& operator=(const StubInit&) = delete;

  pid_t pid() const noexcept { return pid_; }
  Target target() const { return Target::init_of_namespace(pid_); }
  const volatile Shared& shared() const noexcept { return *shared_; }

  /// Lets it out of vfork.
  void release() { release_.reset(); }
  /// Waits until it has done three more rounds unharmed, or something else has become of it.
  Condition condition() const;
  /// The line of /proc/PID/syscall: number, arguments, stack and instruction pointer.
  std::string system_call() const;
  std::uint64_t blocked_signals() const;

 private:
  void clone(const std::function<void()>& main);
  [[noreturn]] void live(Work work) const;

  pid_t pid_ = -1;
  Shared* shared_ = nullptr;
  UniqueFd release_;
  UniqueFd released_;
  std::string exe_;
};

/// Its /proc/PID/status; throws when there is none.
ProcessStatus status_of(pid_t pid);

}  // namespace dboot::testing
