#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "payload/children/pidfd.hpp"

namespace dboot {

/// Holds on to a process, for signals and for its end. By a pidfd; where no descriptor is to be had
/// for one, by its pid and the time at which it was started, so that a process that has got the
/// same pid since is left alone.
class ProcessHandle {
 public:
  /// Empty when there is no such process any more. Its pidfd is numbered below `descriptors`.
  static std::optional<ProcessHandle> open(const boost::asio::any_io_executor& executor, pid_t pid,
                                           unsigned descriptors);

  /// By its pid alone, for a process that was started at `started` (ProcessStatus).
  ProcessHandle(pid_t pid, std::uint64_t started);
  ProcessHandle(ProcessHandle&&) noexcept;
  ProcessHandle& operator=(ProcessHandle&&) noexcept;
  ~ProcessHandle();

  /// To nobody when the process has ended.
  void send(int signal) noexcept;
  /// True when the whole process has: a leader that is a zombie may leave threads that live.
  bool has_ended();

  /// False when only has_ended() tells the end of the process: there is no pidfd.
  bool notifies() const noexcept { return pidfd_ != nullptr; }
  /// Calls `ended` at the end of the process, once; never unless it notifies. Calls `unheard` when
  /// that cannot be waited for.
  void on_end(std::function<void()> ended, std::function<void()> unheard);
  /// Closes the pidfd; what is left is the pid.
  void close();

 private:
  pid_t pid_;
  std::uint64_t started_;
  std::unique_ptr<Pidfd> pidfd_;
};

/// How many descriptors this process may spend on pidfds: of as many as it may have, some stay free
/// for the work of the sequence.
unsigned descriptors_for_pidfds() noexcept;

}  // namespace dboot
