#include "payload/processes/kill_all.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "payload/processes/account.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// So many looks may find somebody new before all are stopped: a child that somebody has started
/// right before he was killed.
constexpr int looks_at_new_ones = 1;
/// At those that are stopped: it must come.
constexpr auto for_a_last_look = 1s;
/// For those that were found at the end: what is killed needs a moment for it.
constexpr auto for_the_last_found = 100ms;

std::string_view why_at_last(const OldProcess& process) {
  if (process.kind == ProcessClass::network_daemon) return "it would take the network along";
  if (process.kind == ProcessClass::session) return "its session has ended";
  return process.is_asked() ? "the grace period is over" : "it came last";
}

bool is_spared(const OldProcess& process, Sparing sparing) {
  return process.kind == ProcessClass::storage_daemon ||
         (sparing == Sparing::the_last && goes_last(process.kind));
}

bool are_gone(const OldProcesses& processes, Sparing sparing) {
  return sparing == Sparing::the_last ? processes.all_but_the_last_gone() : processes.all_gone();
}

/// A group is killed as a whole, whoever is in it by then (kill(2), under the kernel's
/// tasklist_lock), so that no fork escapes.
void kill_groups(const OldProcesses& processes, const Children& children, Sparing sparing) {
  std::set<pid_t> groups;
  std::set<pid_t> kept{0, 1, ::getpgrp()};
  for (const auto& [pid, process] : processes.all()) {
    const pid_t group = process->process.status.group;
    const bool stays = !process->gone && is_spared(*process, sparing);
    (stays ? kept : groups).insert(group);
  }
  for (const pid_t group : groups) {
    if (!kept.contains(group) && !children.spares(group)) ::kill(-group, SIGKILL);
  }
}

void kill_known(OldProcesses& processes, const Children& children, Sparing sparing) {
  kill_groups(processes, children, sparing);
  for (const auto& [pid, process] : processes.all()) {
    if (!process->gone && !is_spared(*process, sparing))
      kill(processes, *process, why_at_last(*process));
  }
}

/// For those that are not to end, where all were stopped.
void continue_spared(OldProcesses& processes, const Children& children) {
  children.send(SIGCONT);
  for (const auto& [pid, process] : processes.all()) {
    if (!process->gone && is_spared(*process, Sparing::nobody)) process->handle.send(SIGCONT);
  }
}

/// Who starts another one in a group of its own, and ends, is gone whenever it is found. So
/// everybody is stopped at one moment, which no fork escapes: one that is under way is given up
/// for the signal, or gives it to the child (kernel/fork.c, copy_process()).
void stop_all(OldProcesses& processes, const Children& children) {
  ::kill(-1, SIGSTOP);
  continue_spared(processes, children);
}

}  // namespace

void kill(OldProcesses& processes, OldProcess& process, std::string_view why) {
  processes.note_killed(process, why);
  process.handle.send(SIGKILL);
}

Task<> kill_all(Log& log, Children& children, Census& census, Sparing sparing,
                Census::TimePoint end) {
  auto& processes = census.processes();
  bool stopped = false;
  bool told = false;
  for (int restless = 0; Clock::now() < end;) {
    kill_known(processes, children, sparing);
    auto looking = census.look();
    const auto look = co_await std::move(looking);
    // Again: one may have been found now, or born while it was stopped.
    if (stopped) continue_spared(processes, children);
    if (look.found.empty() && (stopped || !look.missed)) {
      if (are_gone(processes, sparing)) co_return;
      while (!are_gone(processes, sparing) && Clock::now() < end)
        co_await census.wait_for_an_end(end);
    } else if (stopped) {
      if (!told) account::tell_restless(log, look.found);
      told = true;
    } else if (++restless <= looks_at_new_ones) {
      co_await settle();
    } else if (sparing == Sparing::nobody) {
      log.debug("all processes are stopped, in order to be killed");
      stop_all(processes, children);
      stopped = true;
      end = std::max(end, Clock::now() + for_a_last_look);
    } else {
      break;
    }
  }
  kill_known(processes, children, sparing);
  const auto last = std::max(end, Clock::now() + for_the_last_found);
  while (!are_gone(processes, sparing) && Clock::now() < last)
    co_await census.wait_for_an_end(last);
}

}  // namespace dboot
