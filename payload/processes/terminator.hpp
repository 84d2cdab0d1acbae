#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/condition.hpp"
#include "payload/permissions.hpp"
#include "payload/processes/old_processes.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Ends every process of the old system: SIGTERM, a grace period for those that can react to it,
/// SIGKILL. Nothing is polled: the end of a process is an event of its pidfd. (Only those that no
/// descriptor is left for are looked at now and then.)
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

  Task<Found> find_new();
  Pointer look_at(pid_t pid) const;
  Task<> ask_new_ones();
  void ask(const Pointer& process);
  Task<> end_keepers(TimePoint end);
  Task<> wait_for_answers(TimePoint end);
  Found take_those_that_leave_it_pending();
  Task<> kill_those_that_cannot_answer();
  void kill(OldProcess& process, std::string_view why);
  enum class Sparing : bool { nobody, the_last };
  Task<> kill_all(Sparing sparing);
  static bool is_spared(const OldProcess& process, Sparing sparing);
  void kill_groups(Sparing sparing) const;
  void kill_known(Sparing sparing);
  bool are_gone(Sparing sparing) const;
  void stop_listening();
  Task<> end_session();
  Task<bool> wait_for_end_of(Pointer process, std::chrono::milliseconds patience);

  void watch(const Pointer& process);
  void note_end(OldProcess& process);
  Task<> wait_for_an_end(TimePoint end);
  std::optional<TimePoint> end_of_patience(const OldProcess& process) const;
  bool waits_in_vain(const OldProcess& process) const;
  static std::string_view why_at_last(const OldProcess& process);
  static std::string_view why_in_vain(const OldProcess& process);
  TimePoint next_look(TimePoint end);

  Log& log_;
  Children& children_;
  Permissions permissions_;
  boost::asio::any_io_executor executor_;
  bool keeps_network_;
  std::vector<pid_t> session_;  ///< the caller, and its ancestors upwards
  unsigned descriptors_;        ///< for pidfds
  Condition gone_;
  OldProcesses processes_;
  /// Somebody who was asked by SIGTERM.
  struct Asked {
    Pointer process;
    TimePoint look;  ///< when it is looked whether it takes that
  };
  std::deque<Asked> asked_;  ///< the earliest look first
  Found silent_;             ///< those alive whose end nobody tells
};

}  // namespace dboot
