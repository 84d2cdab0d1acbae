#include "payload/processes/terminator.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "payload/processes/account.hpp"
#include "payload/processes/callers_session.hpp"
#include "payload/processes/precedence.hpp"
#include "payload/processes/process_handle.hpp"
#include "payload/processes/process_scan.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/network_daemon.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto until_pending_is_deaf = 1s;
/// See Terminator::end_of_patience().
constexpr auto after_keeping = 500ms;
/// For those that are asked last, whoever has used up the time of all.
constexpr auto for_keepers = 2s;
/// A shell saves its history and passes SIGHUP on to its jobs.
constexpr auto after_hangup = 500ms;
constexpr auto until_stuck = 5s;
/// How often processes are looked at whose end nobody tells.
constexpr auto between_looks = 20ms;
constexpr auto grace_of_storage_daemons = 2s;
/// For the last lines of who shows how it goes.
constexpr auto for_last_lines = 1s;
/// For what an ssh server has still to send.
constexpr auto to_hang_up = 2s;

std::string_view name_of(int signal) {
  switch (signal) {
    case SIGTERM:
      return "TERM";
    case SIGHUP:
      return "HUP";
    default:
      return "KILL";
  }
}

/// What a process is sent when it is asked; none when it goes after others.
std::optional<int> signal_for(ProcessClass kind) {
  if (kind == ProcessClass::namespace_init) return std::nullopt;
  if (kind == ProcessClass::deaf) return SIGKILL;
  return kind == ProcessClass::shell ? SIGHUP : SIGTERM;
}

/// Of this process's network namespace, which the new system has too.
bool configures_network(const ProcessStatus& status) {
  return !network_daemon(status.name).empty() &&
         namespace_of(std::to_string(status.pid), "net") == namespace_of("self", "net");
}

}  // namespace

Terminator::Terminator(Log& log, Children& children, Permissions permissions,
                       const boost::asio::any_io_executor& executor, bool keeps_network,
                       pid_t caller)
    : log_(log),
      children_(children),
      permissions_(permissions),
      executor_(executor),
      keeps_network_(keeps_network),
      session_(session_of(caller)),
      descriptors_(descriptors_for_pidfds()),
      gone_(executor) {}

/// Empty when there is nothing to end: a kernel thread, a zombie, one that has just gone.
Terminator::Pointer Terminator::look_at(pid_t pid) const {
  // Most are, and each look comes past all of them. (One that has got the pid of such a thread
  // since is seen by the next look.)
  if (is_kernel_thread(pid)) return nullptr;
  auto handle = ProcessHandle::open(executor_, pid, descriptors_);
  if (!handle) return nullptr;
  auto status = read_process_status(pid);
  if (!status) return nullptr;
  Process process{*status, false, process_scan::nested_namespaces(*status)};
  const auto kind = classify(process, handle->has_ended());
  if (kind == ProcessClass::kernel_thread || kind == ProcessClass::zombie) return nullptr;
  return std::make_shared<OldProcess>(std::move(process), kind, std::move(*handle));
}

/// Processes that no earlier look has seen; they are tracked from here on.
Task<Terminator::Found> Terminator::find_new() {
  Found found;
  std::vector<pid_t> candidates;
  for (const pid_t pid : list_processes()) {
    if (pid == ::getpid() || processes_.lives(pid) || children_.spares(pid)) continue;
    if (auto process = look_at(pid)) {
      candidates.push_back(pid);
      found.push_back(std::move(process));
    }
  }
  auto reading = process_scan::read_details(log_, children_, candidates);
  const auto details = co_await std::move(reading);
  for (const auto& process : found) {
    const pid_t pid = process->process.status.pid;
    process->process.storage_daemon = details.storage_daemons.contains(pid);
    process->process.network_daemon = keeps_network_ && configures_network(process->process.status);
    process->process.session = std::find(session_.begin(), session_.end(), pid) != session_.end();
    process->process.awaits_signals = details.awaiting_signals.contains(pid);
    const auto cgroup = details.cgroups.find(pid);
    if (cgroup != details.cgroups.end()) process->process.cgroup = cgroup->second;
    process->kind = classify(process->process, false);
  }
  processes_.add(found);
  for (const auto& process : found) {
    account::note_found(log_, *process);
    watch(process);
  }
  co_return found;
}

void Terminator::watch(const Pointer& process) {
  if (!process->handle.notifies()) silent_.push_back(process);
  process->handle.on_end(
      [this, process] {
        note_end(*process);
        gone_.notify();
      },
      [this, process] {
        silent_.push_back(process);
        gone_.notify();
      });
}

void Terminator::note_end(OldProcess& process) {
  processes_.note_end(process);
  const auto since = process.is_asked() ? process.asked : process.found;
  log_.debug("gone", {{"pid", process.process.status.pid},
                      {"command", process.process.status.name},
                      {"after", Clock::now() - since},
                      {"killed", process.killed ? process.killed_for : "no"}});
}

/// Until a process has ended, or until `end`.
Task<> Terminator::wait_for_an_end(TimePoint end) {
  co_await gone_.wait_until(silent_.empty() ? end : std::min(end, Clock::now() + between_looks));
  std::erase_if(silent_, [this](const Pointer& process) {
    if (!process->handle.has_ended()) return false;
    note_end(*process);
    return true;
  });
}

Task<> Terminator::ask_new_ones() {
  auto looking = find_new();
  const Found found = co_await std::move(looking);
  for (const auto& process : found) {
    if (process->open && process->followed == 0) ask(process);
  }
}

void Terminator::ask(const Pointer& process) {
  const auto& status = process->process.status;
  const auto signal = signal_for(process->kind);
  log_.debug("asked to end", {{"pid", status.pid},
                              {"parent", status.parent},
                              {"command", status.name},
                              {"class", to_string(process->kind)},
                              {"signal", signal ? name_of(*signal) : "none"}});
  process->asked = Clock::now();
  if (!signal) return;  // after its members
  if (signal == SIGKILL) return kill(*process, "it ignores SIGTERM");
  if (process->kind == ProcessClass::reacts)
    asked_.push_back({process, process->asked + until_pending_is_deaf});
  process->handle.send(*signal);
  process->handle.send(SIGCONT);  // one that is stopped cannot act on it
}

void Terminator::kill(OldProcess& process, std::string_view why) {
  processes_.note_killed(process, why);
  process.handle.send(SIGKILL);
}

/// The parent of a namespace's init keeps a container: containerd's shim, conmon, unshare. Many
/// of them catch SIGTERM in order to outlive it, for they are to report how their container ended,
/// to a manager that is gone by now. Once the last container of such a keeper has ended, there is
/// nothing left that it protects, and it gets a moment instead of the whole grace period.
std::optional<Terminator::TimePoint> Terminator::end_of_patience(const OldProcess& process) const {
  if (process.kind == ProcessClass::namespace_init) return std::nullopt;  // for its members
  if (process.kind == ProcessClass::shell) return process.asked + after_hangup;
  if (const auto end = processes_.end_of_keeping(process)) return *end + after_keeping;
  return std::nullopt;
}

std::string_view Terminator::why_in_vain(const OldProcess& process) {
  if (process.kind == ProcessClass::namespace_init) return "its last member has ended";
  return process.kind == ProcessClass::shell ? "it has had its moment after SIGHUP"
                                             : "its last container has ended";
}

bool Terminator::waits_in_vain(const OldProcess& process) const {
  if (process.kind == ProcessClass::namespace_init) return !processes_.has_members(process);
  const auto end = end_of_patience(process);
  return end && Clock::now() >= *end;
}

/// Each is looked at a second after it was asked, and again a second later while it is at something
/// else than waiting: it may take the signal yet.
Terminator::Found Terminator::take_those_that_leave_it_pending() {
  Found pending;
  const auto now = Clock::now();
  while (!asked_.empty() && asked_.front().look <= now) {
    const auto process = asked_.front().process;
    asked_.pop_front();
    if (!process->open) continue;
    const auto status = read_process_status(process->process.status.pid);
    if (!status || !leaves_sigterm_pending(*status)) continue;
    if (status->state == 'S') {
      pending.push_back(process);
    } else {
      asked_.push_back({process, now + until_pending_is_deaf});
    }
  }
  return pending;
}

Task<> Terminator::kill_those_that_cannot_answer() {
  const Found pending = take_those_that_leave_it_pending();
  Found in_vain = pending;
  for (const auto& process : processes_.with_rules()) {
    if (waits_in_vain(*process)) in_vain.push_back(process);
  }
  if (in_vain.empty()) co_return;
  // Members may have been born since the last look.
  co_await ask_new_ones();
  for (const auto& process : in_vain) {
    if (process->kind == ProcessClass::namespace_init && processes_.has_members(*process)) continue;
    if (process->gone) continue;
    const bool ignores = std::find(pending.begin(), pending.end(), process) != pending.end();
    if (ignores) {
      // The look at the others has taken its time.
      const auto status = read_process_status(process->process.status.pid);
      if (!status || !leaves_sigterm_pending(*status)) continue;
    }
    kill(*process, ignores ? "it leaves SIGTERM pending" : why_in_vain(*process));
  }
}

/// When a rule about time has to be looked at again.
Terminator::TimePoint Terminator::next_look(TimePoint end) {
  TimePoint next = end;
  if (!asked_.empty()) next = std::min(next, asked_.front().look);
  for (const auto& process : processes_.with_rules()) {
    if (const auto patience = end_of_patience(*process)) next = std::min(next, *patience);
  }
  return next;
}

Task<> Terminator::wait_for_answers(TimePoint end) {
  // Shells save their history even when their session does not end.
  const auto last_call = end - std::min<Clock::duration>(after_hangup, (end - Clock::now()) / 2);
  auto naming = Clock::now() + (end - Clock::now()) / 10;
  while (Clock::now() < end) {
    const bool late = Clock::now() >= last_call;
    for (const auto& leader : processes_.take_leaders()) ask(leader);
    if (late) {
      for (const auto& leader : processes_.take_waiting_leaders()) ask(leader);
    }
    co_await kill_those_that_cannot_answer();
    if (processes_.all_answered()) break;
    if (Clock::now() >= naming) {
      account::name_those_waited_for(log_, processes_);
      naming = end;
    }
    co_await wait_for_an_end(std::min(naming, next_look(late ? end : last_call)));
  }
}

/// When everything else has ended, or has used up its time, which is no reason to take theirs.
Task<> Terminator::end_keepers(TimePoint end) {
  const Found keepers = processes_.take_keepers();
  if (keepers.empty()) co_return;
  const auto at_least = Clock::now() + for_keepers;
  for (const auto& process : keepers) ask(process);
  co_await wait_for_answers(end);
  const auto lives = [](const Pointer& process) { return !process->gone; };
  while (std::any_of(keepers.begin(), keepers.end(), lives) && Clock::now() < at_least)
    co_await wait_for_an_end(at_least);
}

/// The ssh server takes nobody in any more. The sessions that it has taken in go on.
void Terminator::stop_listening() {
  const auto server_at = [this](std::size_t place) -> Pointer {
    const auto found = processes_.all().find(session_[place]);
    const bool is_one =
        found != processes_.all().end() && is_ssh_server(found->second->process.status);
    return is_one ? found->second : nullptr;
  };
  // One that stands alone is the session itself.
  if (session_.size() < 2 || !server_at(session_.size() - 2)) return;
  if (const auto listener = server_at(session_.size() - 1)) listener->handle.send(SIGTERM);
}

Task<> Terminator::end_all(std::chrono::milliseconds grace) {
  const Precedence precedence(permissions_);
  std::optional<TimePoint> end;
  std::size_t known = 0;
  // What is told to end may start something else in order to end.
  do {
    known = processes_.seen();
    co_await ask_new_ones();
    if (!end) stop_listening();
    if (!end) end = Clock::now() + grace;  // the first look may have taken its time
    co_await wait_for_answers(*end);
    co_await end_keepers(*end);
  } while (processes_.seen() > known && Clock::now() < *end);
  account::tell_answers(log_, processes_);
  if (!session_.empty()) {
    co_await kill_all(Sparing::the_last);
    co_await end_session();
  }
  co_await kill_all(Sparing::nobody);
  co_await account::name_survivors(log_, children_, processes_);
}

std::string_view Terminator::why_at_last(const OldProcess& process) {
  if (process.kind == ProcessClass::network_daemon) return "it would take the network along";
  if (process.kind == ProcessClass::session) return "its session has ended";
  return process.is_asked() ? "the grace period is over" : "it came last";
}

bool Terminator::are_gone(Sparing sparing) const {
  return sparing == Sparing::the_last ? processes_.all_but_the_last_gone() : processes_.all_gone();
}

bool Terminator::is_spared(const OldProcess& process, Sparing sparing) {
  return process.kind == ProcessClass::storage_daemon ||
         (sparing == Sparing::the_last && goes_last(process.kind));
}

/// A group is killed as a whole, whoever is in it by then (kill(2), under the kernel's
/// tasklist_lock), so that no fork escapes: one after the other, those that make new ones faster
/// than they are found would never end.
void Terminator::kill_groups(Sparing sparing) const {
  std::set<pid_t> groups;
  std::set<pid_t> kept{0, 1, ::getpgrp()};
  for (const auto& [pid, process] : processes_.all()) {
    const pid_t group = process->process.status.group;
    const bool stays = !process->gone && is_spared(*process, sparing);
    (stays ? kept : groups).insert(group);
  }
  for (const pid_t group : groups) {
    if (!kept.contains(group) && !children_.spares(group)) ::kill(-group, SIGKILL);
  }
}

void Terminator::kill_known(Sparing sparing) {
  kill_groups(sparing);
  for (const auto& [pid, process] : processes_.all()) {
    if (!process->gone && !is_spared(*process, sparing)) kill(*process, why_at_last(*process));
  }
}

Task<> Terminator::kill_all(Sparing sparing) {
  const auto end = Clock::now() + until_stuck;
  do {
    kill_known(sparing);
    auto looking = find_new();
    const Found found = co_await std::move(looking);
    if (found.empty() && are_gone(sparing)) co_return;
    if (!found.empty()) continue;
    while (!are_gone(sparing) && Clock::now() < end) co_await wait_for_an_end(end);
  } while (Clock::now() < end);
  kill_known(sparing);
}

Task<bool> Terminator::wait_for_end_of(Pointer process, std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  while (!process->gone && Clock::now() < end) co_await wait_for_an_end(end);
  co_return process->gone.has_value();
}

/// From the caller upwards: each has its last words, and the ssh server then hangs up by itself.
Task<> Terminator::end_session() {
  log_.info("the session of who looks on ends", {{"processes", session_.size()}});
  for (const pid_t pid : session_) {
    const auto found = processes_.all().find(pid);
    if (found == processes_.all().end() || found->second->gone) continue;
    const auto process = found->second;
    if (is_ssh_server(process->process.status)) {
      auto waiting = wait_for_end_of(process, to_hang_up);
      co_await std::move(waiting);
      // Above it are others of the same server.
      break;
    }
    const bool is_caller = pid == session_.front();
    process->asked = Clock::now();
    process->handle.send(is_caller ? SIGTERM : SIGHUP);
    process->handle.send(SIGCONT);
    auto waiting = wait_for_end_of(process, is_caller ? for_last_lines : after_hangup);
    if (!co_await std::move(waiting)) kill(*process, "it has had its moment");
  }
}

Task<bool> Terminator::end_storage_daemons() {
  if (!processes_.storage_daemons_left()) co_return false;
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (const auto& [pid, process] : processes_.all()) {
      if (!process->gone && process->kind == ProcessClass::storage_daemon)
        process->handle.send(signal);
    }
    const auto end = Clock::now() + grace_of_storage_daemons;
    while (processes_.storage_daemons_left() && Clock::now() < end) co_await wait_for_an_end(end);
    const bool left = processes_.storage_daemons_left();
    log_.info("storage daemons", {{"signal", name_of(signal)}, {"left", left ? "yes" : "none"}});
    if (!left) break;
  }
  co_return true;
}

}  // namespace dboot
