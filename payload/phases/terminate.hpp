#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "payload/phases/process_class.hpp"
#include "payload/task.hpp"

namespace dboot {

/// Ends every process of the old system: SIGTERM, a grace period for those that can react to it,
/// SIGKILL. Nothing is polled: the end of a process is an event of its pidfd. (Only those that no
/// descriptor is left for are looked at now and then.)
class Terminator {
 public:
  explicit Terminator(const boost::asio::any_io_executor& executor);
  ~Terminator();
  Terminator(const Terminator&) = delete;
  Terminator& operator=(const Terminator&) = delete;

  /// Ends all but root's storage daemons. `grace` is the time from the first SIGTERM to SIGKILL, at
  /// most. What survives SIGKILL for five seconds (uninterruptible sleep) is reported, and left.
  Task<> end_all(std::chrono::milliseconds grace);

  /// Ends the storage daemons that end_all() left: SIGTERM, two seconds, SIGKILL. False when
  /// there was none.
  Task<bool> end_storage_daemons();

 private:
  struct Tracked;
  using Found = std::vector<std::shared_ptr<Tracked>>;
  using TimePoint = std::chrono::steady_clock::time_point;

  Task<Found> find_new();
  std::shared_ptr<Tracked> look_at(pid_t pid) const;
  Task<> ask_new_ones();
  void hold_keepers_back();
  static void hold_leaders_back(const Found& found);
  static void ask(Tracked& process);
  void ask_leaders();
  bool ask_keepers();
  Task<> wait_for_answers(TimePoint end);
  Task<> kill_those_that_cannot_answer();
  Task<> kill_all();

  void watch(const std::shared_ptr<Tracked>& process);
  static void note_end(Tracked& process);
  Task<> wait_for_an_end(TimePoint end);
  bool waits_in_vain(Tracked& process) const;
  bool has_members(const Tracked& init) const;
  std::optional<TimePoint> end_of_keeping(const Tracked& process) const;
  TimePoint next_look(TimePoint end) const;
  int seen() const;
  bool all_answered() const;
  bool all_gone() const;
  void report_answers() const;
  void report_survivors() const;

  boost::asio::any_io_executor executor_;
  unsigned descriptors_;  ///< for pidfds
  Event gone_;
  std::map<pid_t, std::shared_ptr<Tracked>> tracked_;
  std::array<int, process_classes> counts_{};  ///< by ProcessClass
};

}  // namespace dboot
