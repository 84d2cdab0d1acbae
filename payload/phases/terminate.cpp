#include "payload/phases/terminate.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "payload/blocking.hpp"
#include "payload/phases/process_handle.hpp"
#include "payload/phases/process_scan.hpp"
#include "shared/log.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto until_pending_is_deaf = 1s;
/// See Terminator::end_of_keeping().
constexpr auto after_keeping = 500ms;
/// A shell saves its history and passes SIGHUP on to its jobs.
constexpr auto after_hangup = 500ms;
constexpr auto until_stuck = 5s;
/// How often processes are looked at whose end nobody tells.
constexpr auto between_looks = 20ms;
constexpr auto grace_of_storage_daemons = 2s;

}  // namespace

struct Terminator::Tracked {
  Tracked(Process what, ProcessClass how, ProcessHandle held)
      : process(std::move(what)), kind(how), handle(std::move(held)) {}

  void ask() {
    asked = Clock::now();
    followed.clear();
    if (kind == ProcessClass::namespace_init) return;
    if (kind == ProcessClass::deaf) return kill();
    handle.send(kind == ProcessClass::shell ? SIGHUP : SIGTERM);
    handle.send(SIGCONT);  // one that is stopped cannot act on it
  }
  void kill() {
    killed = true;
    handle.send(SIGKILL);
  }
  bool must_answer() const {
    return !gone && !killed && !kept && kind != ProcessClass::storage_daemon;
  }
  bool is_asked() const { return asked != TimePoint(); }

  Process process;
  ProcessClass kind;
  ProcessHandle handle;
  TimePoint asked;
  std::optional<TimePoint> gone;
  bool killed = false;
  bool kept = false;  ///< not asked yet, see keeps_with()
  Found followed;     ///< not asked before these have gone, see leads_blindly()
  bool checked_for_pending = false;
};

Terminator::Terminator(const boost::asio::any_io_executor& executor)
    : executor_(executor), descriptors_(descriptors_for_pidfds()), gone_(executor) {}

/// The handlers hold their process; closing the descriptor is what ends them.
Terminator::~Terminator() {
  for (const auto& [pid, process] : tracked_) {
    process->handle.close();
    process->followed.clear();
  }
}

int Terminator::seen() const {
  return std::accumulate(counts_.begin(), counts_.end(), 0);
}

/// Empty when there is nothing to end: a kernel thread, a zombie, one that has just gone.
std::shared_ptr<Terminator::Tracked> Terminator::look_at(pid_t pid) const {
  auto handle = ProcessHandle::open(executor_, pid, descriptors_);
  if (!handle) return nullptr;
  auto status = read_process_status(pid);
  if (!status) return nullptr;
  Process process{*status, false, process_scan::nested_namespaces(*status),
                  process_scan::awaits_signals(pid), process_scan::cgroup(pid)};
  const auto kind = classify(process, handle->has_ended());
  if (kind == ProcessClass::kernel_thread || kind == ProcessClass::zombie) return nullptr;
  return std::make_shared<Tracked>(std::move(process), kind, std::move(*handle));
}

/// Processes that no earlier look has seen; they are tracked from here on.
Task<Terminator::Found> Terminator::find_new() {
  Found found;
  std::vector<pid_t> candidates;
  for (const pid_t pid : list_processes()) {
    if (pid == ::getpid() || blocking::is_child(pid)) continue;
    const auto known = tracked_.find(pid);
    if (known != tracked_.end() && !known->second->gone) continue;
    if (auto process = look_at(pid)) {
      candidates.push_back(pid);
      found.push_back(std::move(process));
    }
  }
  auto reading = process_scan::storage_daemons(candidates);
  const auto daemons = co_await std::move(reading);
  for (const auto& process : found) {
    process->process.storage_daemon = daemons.contains(process->process.status.pid);
    process->kind = classify(process->process, false);
    ++counts_.at(static_cast<std::size_t>(process->kind));
    watch(process);
  }
  co_return found;
}

void Terminator::watch(const std::shared_ptr<Tracked>& process) {
  tracked_[process->process.status.pid] = process;
  process->handle.on_end([this, process] {
    note_end(*process);
    gone_.notify();
  });
}

void Terminator::note_end(Tracked& process) {
  process.gone = Clock::now();
  log::debug("gone",
             {{"pid", process.process.status.pid}, {"command", process.process.status.name}});
  process.handle.close();
}

/// Until a process has ended, or until `end`.
Task<> Terminator::wait_for_an_end(TimePoint end) {
  const auto is_silent = [](const auto& entry) {
    return !entry.second->gone && !entry.second->handle.notifies();
  };
  const bool any = std::any_of(tracked_.begin(), tracked_.end(), is_silent);
  co_await gone_.wait_until(any ? std::min(end, Clock::now() + between_looks) : end);
  for (const auto& entry : tracked_) {
    if (is_silent(entry) && entry.second->handle.has_ended()) note_end(*entry.second);
  }
}

Task<> Terminator::ask_new_ones() {
  auto looking = find_new();
  const Found found = co_await std::move(looking);
  hold_keepers_back();
  hold_leaders_back(found);
  for (const auto& process : found) {
    if (!process->kept && process->followed.empty()) ask(*process);
  }
}

void Terminator::ask(Tracked& process) {
  if (process.kind == ProcessClass::storage_daemon) return;  // end_storage_daemons()
  const auto& status = process.process.status;
  log::debug("asked to end", {{"pid", status.pid},
                              {"parent", status.parent},
                              {"command", status.name},
                              {"class", to_string(process.kind)}});
  process.ask();
}

void Terminator::hold_keepers_back() {
  for (const auto& [init_pid, init] : tracked_) {
    if (init->gone || !is_nested_init(init->process.status)) continue;
    const auto keeper = tracked_.find(init->process.status.parent);
    if (keeper == tracked_.end()) continue;
    for (const auto& [pid, process] : tracked_) {
      if (!process->is_asked() && keeps_with(process->process, keeper->second->process))
        process->kept = true;
    }
  }
}

/// For those that were there with them, and no longer: a loop in a shell starts new ones for ever.
void Terminator::hold_leaders_back(const Found& found) {
  for (const auto& leader : found) {
    if (!leads_blindly(leader->process)) continue;
    std::copy_if(found.begin(), found.end(), std::back_inserter(leader->followed),
                 [&](const auto& member) {
                   return is_led_by(member->process, leader->process) && member->must_answer();
                 });
  }
}

/// Whose session has ended.
void Terminator::ask_leaders() {
  for (const auto& [pid, process] : tracked_) {
    if (process->followed.empty()) continue;
    std::erase_if(process->followed, [](const auto& member) { return !member->must_answer(); });
    if (process->followed.empty() && !process->gone && !process->kept) ask(*process);
  }
}

/// When everything else has ended. False when there are none left.
bool Terminator::ask_keepers() {
  bool any = false;
  for (const auto& [pid, process] : tracked_) {
    if (!std::exchange(process->kept, false) || process->gone) continue;
    any = true;
    ask(*process);
  }
  return any;
}

bool Terminator::all_answered() const {
  return std::none_of(tracked_.begin(), tracked_.end(),
                      [](const auto& entry) { return entry.second->must_answer(); });
}

bool Terminator::has_members(const Tracked& init) const {
  return std::any_of(tracked_.begin(), tracked_.end(), [&](const auto& entry) {
    return !entry.second->gone && is_member_of(entry.second->process, init.process);
  });
}

/// The parent of a namespace's init keeps a container: containerd's shim, conmon, unshare. Many
/// of them catch SIGTERM in order to outlive it, for they are to report how their container ended,
/// to a manager that is gone by now. Once the last container of such a keeper has ended, there is
/// nothing left that it protects, and it gets half a second instead of the whole grace period.
std::optional<Terminator::TimePoint> Terminator::end_of_keeping(const Tracked& process) const {
  std::optional<TimePoint> last;
  for (const auto& [pid, other] : tracked_) {
    const auto& status = other->process.status;
    if (!is_nested_init(status) || status.parent != process.process.status.pid) continue;
    if (!other->gone) return std::nullopt;
    last = std::max(last.value_or(process.asked), *other->gone);
  }
  if (!last) return std::nullopt;
  return *last + after_keeping;
}

bool Terminator::waits_in_vain(Tracked& process) const {
  const auto now = Clock::now();
  if (!process.is_asked()) return false;
  if (process.kind == ProcessClass::namespace_init) return !has_members(process);
  if (process.kind == ProcessClass::shell) return now >= process.asked + after_hangup;
  if (const auto end = end_of_keeping(process); end && now >= *end) return true;
  if (process.checked_for_pending || now < process.asked + until_pending_is_deaf) return false;
  process.checked_for_pending = true;
  const auto status = read_process_status(process.process.status.pid);
  return status && leaves_sigterm_pending(*status);
}

Task<> Terminator::kill_those_that_cannot_answer() {
  std::vector<std::shared_ptr<Tracked>> in_vain;
  for (const auto& [pid, process] : tracked_) {
    if (process->must_answer() && waits_in_vain(*process)) in_vain.push_back(process);
  }
  if (in_vain.empty()) co_return;
  // Members may have been born since the last look.
  co_await ask_new_ones();
  for (const auto& process : in_vain) {
    if (process->kind == ProcessClass::namespace_init && has_members(*process)) continue;
    if (process->gone) continue;
    log::debug("killed: waits in vain",
               {{"pid", process->process.status.pid}, {"command", process->process.status.name}});
    process->kill();
  }
}

/// When a rule about time has to be looked at again.
Terminator::TimePoint Terminator::next_look(TimePoint end) const {
  TimePoint next = end;
  for (const auto& [pid, process] : tracked_) {
    if (!process->must_answer() || !process->is_asked()) continue;
    if (process->kind == ProcessClass::shell) next = std::min(next, process->asked + after_hangup);
    if (!process->checked_for_pending && process->kind == ProcessClass::reacts)
      next = std::min(next, process->asked + until_pending_is_deaf);
    if (const auto kept = end_of_keeping(*process)) next = std::min(next, *kept);
  }
  return next;
}

Task<> Terminator::wait_for_answers(TimePoint end) {
  while (Clock::now() < end) {
    ask_leaders();
    co_await kill_those_that_cannot_answer();
    if (all_answered()) break;
    co_await wait_for_an_end(next_look(end));
  }
}

Task<> Terminator::end_all(std::chrono::milliseconds grace) {
  const auto end = Clock::now() + grace;
  int known = 0;
  // What is told to end may start something else in order to end.
  do {
    known = seen();
    co_await ask_new_ones();
    co_await wait_for_answers(end);
    if (ask_keepers()) co_await wait_for_answers(end);
  } while (seen() > known && Clock::now() < end);
  report_answers();
  co_await kill_all();
  report_survivors();
}

bool Terminator::all_gone() const {
  return std::all_of(tracked_.begin(), tracked_.end(), [](const auto& entry) {
    return entry.second->gone || entry.second->kind == ProcessClass::storage_daemon;
  });
}

Task<> Terminator::kill_all() {
  const auto end = Clock::now() + until_stuck;
  do {
    auto looking = find_new();
    const Found found = co_await std::move(looking);
    for (const auto& [pid, process] : tracked_) {
      if (!process->gone && process->kind != ProcessClass::storage_daemon) process->kill();
    }
    if (found.empty() && all_gone()) co_return;
    while (!all_gone() && Clock::now() < end) co_await wait_for_an_end(end);
  } while (Clock::now() < end);
}

Task<bool> Terminator::end_storage_daemons() {
  const auto left = [this] {
    return std::any_of(tracked_.begin(), tracked_.end(), [](const auto& entry) {
      return !entry.second->gone && entry.second->kind == ProcessClass::storage_daemon;
    });
  };
  if (!left()) co_return false;
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (const auto& [pid, process] : tracked_) {
      if (!process->gone && process->kind == ProcessClass::storage_daemon)
        process->handle.send(signal);
    }
    const auto end = Clock::now() + grace_of_storage_daemons;
    while (left() && Clock::now() < end) co_await wait_for_an_end(end);
    log::info("storage daemons",
              {{"signal", signal == SIGTERM ? "TERM" : "KILL"}, {"left", left() ? "yes" : "none"}});
    if (!left()) break;
  }
  co_return true;
}

void Terminator::report_answers() const {
  const auto count = [this](ProcessClass kind) {
    return counts_.at(static_cast<std::size_t>(kind));
  };
  int cut_short = 0;
  for (const auto& [pid, process] : tracked_) {
    if (!process->must_answer()) continue;
    ++cut_short;
    log::warning("killed: not ended within the grace period",
                 {{"pid", pid}, {"command", process->process.status.name}});
  }
  log::info("processes asked to end", {{"react", count(ProcessClass::reacts)},
                                       {"deaf", count(ProcessClass::deaf)},
                                       {"shells", count(ProcessClass::shell)},
                                       {"namespace_inits", count(ProcessClass::namespace_init)},
                                       {"storage_daemons", count(ProcessClass::storage_daemon)},
                                       {"killed_after_grace", cut_short}});
}

void Terminator::report_survivors() const {
  for (const auto& [pid, process] : tracked_) {
    if (process->gone || process->kind == ProcessClass::storage_daemon) continue;
    const auto status = read_process_status(pid);
    const std::string state(1, status ? status->state : '?');
    log::error("process survives SIGKILL", {{"pid", pid},
                                            {"command", process->process.status.name},
                                            {"state", state},
                                            {"wchan", process_scan::wait_channel(pid)}});
  }
}

}  // namespace dboot
