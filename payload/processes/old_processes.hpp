#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "payload/processes/process_handle.hpp"
#include "shared/proc/process_class.hpp"

namespace dboot {

/// Whether it is not asked to end, and is killed after everything else.
constexpr bool goes_last(ProcessClass kind) {
  return kind == ProcessClass::network_daemon || kind == ProcessClass::session;
}

/// A process that is to end, from the first look at it to its end.
struct OldProcess {
  using TimePoint = std::chrono::steady_clock::time_point;

  OldProcess(Process what, ProcessClass how, ProcessHandle held)
      : process(std::move(what)), kind(how), handle(std::move(held)) {}

  bool is_asked() const { return asked != TimePoint(); }

  Process process;
  ProcessClass kind;
  ProcessHandle handle;
  TimePoint asked;
  std::optional<TimePoint> gone;
  bool killed = false;
  std::string_view killed_for;  ///< the reason, for the log
  TimePoint found = std::chrono::steady_clock::now();

  // Kept by OldProcesses.
  bool open = false;                   ///< has still to answer
  bool kept = false;                   ///< to be asked when everything else has ended
  std::size_t followed = 0;            ///< how many have to answer before it is asked
  std::shared_ptr<OldProcess> leader;  ///< which is not asked before this one has answered
};

/// The processes of the system that ends: who has still to answer, and who goes after whom. A
/// change of one costs the same however many there are.
class OldProcesses {
 public:
  using Pointer = std::shared_ptr<OldProcess>;
  using Found = std::vector<Pointer>;
  using TimePoint = OldProcess::TimePoint;

  ~OldProcesses();

  /// Those of a look, none of which is known. Finds out who of them is asked later than the others.
  void add(const Found& found);
  /// `why`: a literal. The first reason counts.
  void note_killed(OldProcess& process, std::string_view why);
  void note_end(OldProcess& process);

  const std::map<pid_t, Pointer>& all() const noexcept { return all_; }
  bool lives(pid_t pid) const;
  /// How many have been added.
  std::size_t seen() const noexcept { return seen_; }
  std::size_t count(ProcessClass kind) const;

  /// Nobody is left that is waited for.
  bool all_answered() const noexcept { return open_ == 0; }
  /// How many of them live.
  std::size_t living(ProcessClass kind) const;
  /// All but the storage daemons.
  bool all_gone() const noexcept { return living_ == 0; }
  /// And but those that are not asked: of the session, and of the network.
  bool all_but_the_last_gone() const;
  bool storage_daemons_left() const { return living(ProcessClass::storage_daemon) != 0; }

  /// May be asked now: leaders of sessions, see leads_blindly(), since the last call.
  Found take_leaders();
  /// All leaders that have not been asked yet: the time for their sessions is over.
  Found take_waiting_leaders();
  /// What keeps containers, see service_of(): to be asked once everything else has ended.
  Found take_keepers();

  /// Somebody lives in the namespace whose init this is.
  bool has_members(const OldProcess& init) const;
  /// When the last container that this process keeps has ended; empty when one lives, or it never
  /// kept any.
  std::optional<TimePoint> end_of_keeping(const OldProcess& process) const;
  /// Those open that SIGTERM cannot, or need not, bring to an end: inits of namespaces, shells,
  /// keepers.
  Found with_rules();

 private:
  struct Kept {
    std::size_t living = 0;
    TimePoint last_end;
  };

  void count_in(const Pointer& process);
  void note_keepers(const Found& found);
  void hold_keepers_back(const Found& found);
  void hold_leaders_back(const Found& found);
  void close(OldProcess& process);
  void bind(const Pointer& process);

  std::map<pid_t, Pointer> all_;
  std::array<std::size_t, process_classes> counts_{};  ///< by ProcessClass
  std::size_t seen_ = 0;
  std::size_t open_ = 0;
  std::size_t living_ = 0;                                  ///< but for the storage daemons
  std::array<std::size_t, process_classes> living_ones_{};  ///< by ProcessClass
  std::unordered_map<ino_t, std::size_t> members_;          ///< living ones, by PID namespace
  std::map<pid_t, Kept> keeping_;                           ///< inits, by the pid of their keeper
  std::set<std::string> keeper_services_;
  std::set<Pointer> rules_;
  Found kept_;
  Found free_leaders_;
  Found waiting_leaders_;
};

}  // namespace dboot
