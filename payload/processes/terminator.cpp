#include "payload/processes/terminator.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "payload/processes/account.hpp"
#include "payload/processes/callers_session.hpp"
#include "payload/processes/kill_all.hpp"
#include "payload/processes/precedence.hpp"

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
/// Who lives then is stuck in the kernel.
constexpr auto after_sigkill = 5s;
/// For those that come last, where others have used that up.
constexpr auto at_least_after_sigkill = 1s;
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

}  // namespace

Terminator::Terminator(Log& log, Children& children, Permissions permissions,
                       const boost::asio::any_io_executor& executor, bool keeps_network,
                       pid_t caller)
    : log_(log),
      children_(children),
      permissions_(permissions),
      census_(log, children, executor, keeps_network, session_of(caller)),
      processes_(census_.processes()) {}

Task<> Terminator::ask_new_ones() {
  auto looking = census_.look();
  const auto look = co_await std::move(looking);
  for (const auto& process : look.found) {
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
  if (signal == SIGKILL) return kill(processes_, *process, "it ignores SIGTERM");
  if (process->kind == ProcessClass::reacts)
    asked_.push_back({process, process->asked + until_pending_is_deaf});
  process->handle.send(*signal);
  process->handle.send(SIGCONT);  // one that is stopped cannot act on it
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
    kill(processes_, *process, ignores ? "it leaves SIGTERM pending" : why_in_vain(*process));
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
    co_await census_.wait_for_an_end(std::min(naming, next_look(late ? end : last_call)));
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
    co_await census_.wait_for_an_end(at_least);
}

/// The ssh server takes nobody in any more. The sessions that it has taken in go on.
void Terminator::stop_listening() {
  const auto& session = census_.session();
  const auto server_at = [&](std::size_t place) -> Pointer {
    const auto found = processes_.all().find(session[place]);
    const bool is_one =
        found != processes_.all().end() && is_ssh_server(found->second->process.status);
    return is_one ? found->second : nullptr;
  };
  // One that stands alone is the session itself.
  if (session.size() < 2 || !server_at(session.size() - 2)) return;
  if (const auto listener = server_at(session.size() - 1)) listener->handle.send(SIGTERM);
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
  co_await kill_rest();
  co_await account::name_survivors(log_, children_, processes_);
}

Task<> Terminator::kill_rest() {
  const auto until_stuck = Clock::now() + after_sigkill;
  if (!census_.session().empty()) {
    auto killing = kill_all(log_, children_, census_, Sparing::the_last, until_stuck);
    co_await std::move(killing);
    co_await end_session();
  }
  const auto end = std::max(until_stuck, Clock::now() + at_least_after_sigkill);
  auto killing = kill_all(log_, children_, census_, Sparing::nobody, end);
  co_await std::move(killing);
}

/// From the caller upwards: each has its last words, and the ssh server then hangs up by itself.
Task<> Terminator::end_session() {
  log_.info("the session of who looks on ends", {{"processes", census_.session().size()}});
  for (const pid_t pid : census_.session()) {
    const auto found = processes_.all().find(pid);
    if (found == processes_.all().end() || found->second->gone) continue;
    const auto process = found->second;
    if (is_ssh_server(process->process.status)) {
      auto waiting = census_.wait_for_end_of(process, to_hang_up);
      co_await std::move(waiting);
      // Above it are others of the same server.
      break;
    }
    const bool is_caller = pid == census_.session().front();
    process->asked = Clock::now();
    process->handle.send(is_caller ? SIGTERM : SIGHUP);
    process->handle.send(SIGCONT);
    auto waiting = census_.wait_for_end_of(process, is_caller ? for_last_lines : after_hangup);
    if (!co_await std::move(waiting)) kill(processes_, *process, "it has had its moment");
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
    while (processes_.storage_daemons_left() && Clock::now() < end)
      co_await census_.wait_for_an_end(end);
    const bool left = processes_.storage_daemons_left();
    log_.info("storage daemons", {{"signal", name_of(signal)}, {"left", left ? "yes" : "none"}});
    if (!left) break;
  }
  co_return true;
}

}  // namespace dboot
