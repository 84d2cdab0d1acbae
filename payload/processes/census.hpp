#pragma once

#include <chrono>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/condition.hpp"
#include "payload/processes/old_processes.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Finds the processes of the system that ends, holds on to each, and learns of its end: an event
/// of its pidfd. (Only those that no descriptor is left for are looked at now and then.)
class Census {
 public:
  using Pointer = OldProcesses::Pointer;
  using Found = OldProcesses::Found;
  using TimePoint = OldProcess::TimePoint;

  /// `children` says who belongs to the payload. `keeps_network`, `session`: what these classes are
  /// told by, see ProcessClass.
  Census(Log& log, Children& children, const boost::asio::any_io_executor& executor,
         bool keeps_network, std::vector<pid_t> session);
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;

  struct Look {
    Found found;  ///< that no earlier look has seen; they are in processes() from here on
    /// Somebody else was there, and had ended before it could be held on to: what it may have
    /// started meanwhile has perhaps not been seen.
    bool missed = false;
  };
  Task<Look> look();

  /// Until a process has ended, or until `end`.
  Task<> wait_for_an_end(TimePoint end);
  /// Until this one has, for `patience` at most. False when it has not.
  Task<bool> wait_for_end_of(Pointer process, std::chrono::milliseconds patience);

  OldProcesses& processes() noexcept { return processes_; }
  /// The caller, and its ancestors upwards.
  const std::vector<pid_t>& session() const noexcept { return session_; }

 private:
  Pointer look_at(pid_t pid, bool& missed) const;
  Task<> learn_details(const Found& found);
  void watch(const Pointer& process);
  void note_end(OldProcess& process);

  Log& log_;
  Children& children_;
  boost::asio::any_io_executor executor_;
  bool keeps_network_;
  std::vector<pid_t> session_;
  unsigned descriptors_;  ///< for pidfds
  Condition gone_;
  OldProcesses processes_;
  Found silent_;  ///< those alive whose end nobody tells
};

}  // namespace dboot
