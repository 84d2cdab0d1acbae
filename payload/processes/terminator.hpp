#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string_view>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/processes/census.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Ends every process of the old system: SIGTERM, a grace period for those that can react to it,
/// SIGKILL.
class Terminator {
 public:
  /// `children` says whom it spares, `permissions` whether it runs before all others meanwhile.
  /// `keeps_network`: what would take it along is not asked to end, see network_daemon().
  /// `caller`: a process that shows its person how it goes, and ends last, with all those that it
  /// was started by: their shell, and the ssh server that they have come through. 0: none.
  Terminator(Log& log, Children& children, Permissions permissions,
             const boost::asio::any_io_executor& executor, bool keeps_network = false,
             pid_t caller = 0);
  Terminator(const Terminator&) = delete;
  Terminator& operator=(const Terminator&) = delete;

  /// Ends all but root's storage daemons. `grace` is the time from the first SIGTERM to SIGKILL, at
  /// most. What survives SIGKILL for five seconds (uninterruptible sleep) is reported, and left.
  Task<> end_all(std::chrono::milliseconds grace);

  /// Ends the storage daemons that end_all() left: SIGTERM, two seconds, SIGKILL. False when
  /// there was none.
  Task<bool> end_storage_daemons();

 private:
  using Pointer = OldProcesses::Pointer;
  using Found = OldProcesses::Found;
  using TimePoint = OldProcess::TimePoint;

  Task<> ask_new_ones();
  void ask(const Pointer& process);
  Task<> end_keepers(TimePoint end);
  Task<> wait_for_answers(TimePoint end);
  Found take_those_that_leave_it_pending();
  Task<> kill_those_that_cannot_answer();
  Task<> kill_rest();
  void stop_listening();
  Task<> end_session();

  std::optional<TimePoint> end_of_patience(const OldProcess& process) const;
  bool waits_in_vain(const OldProcess& process) const;
  static std::string_view why_in_vain(const OldProcess& process);
  TimePoint next_look(TimePoint end);

  Log& log_;
  Children& children_;
  Permissions permissions_;
  Census census_;
  OldProcesses& processes_;  ///< of the census
  /// Somebody who was asked by SIGTERM.
  struct Asked {
    Pointer process;
    TimePoint look;  ///< when it is looked whether it takes that
  };
  std::deque<Asked> asked_;  ///< the earliest look first
};

}  // namespace dboot
