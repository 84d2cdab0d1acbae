#include "tools/dboot-log/account.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "tools/dboot-log/meaning.hpp"
#include "tools/dboot-log/path.hpp"

namespace dboot {
namespace {

using log::Level;
using log::Record;

std::string text_of(const Record& record, std::string_view key) {
  return std::string(record.fact(key).value_or(""));
}

/// By a line that is_the_end_of() it.
void end(Account::Phase& phase, const Record& record) {
  using End = Account::Phase::End;
  phase.end = record.message == "finished" ? End::finished : End::failed;
  if (phase.end == End::failed) phase.reason = text_of(record, "reason");
}

bool is_slower(const Account::Process& a, const Account::Process& b) {
  return a.took() > b.took();
}

Account::Process process_of(const Record& record) {
  Account::Process process;
  process.pid = text_of(record, "pid");
  process.command = text_of(record, "command");
  process.ended = record.elapsed;
  const auto after = parse_duration(text_of(record, "after")).value_or(Time{0});
  process.asked = std::max(Time{0}, record.elapsed - after);
  process.killed = text_of(record, "killed");
  if (process.killed == "no") process.killed.clear();
  return process;
}

/// A path below where the old root lies after the pivot, as it was before.
std::string in_the_old_root(std::string path) {
  const std::string_view root = layout::old_root;
  if (path == root) return "/";
  if (path.starts_with(root) && path[root.size()] == '/') path.erase(0, root.size());
  return path;
}

std::string facts_of(const Record& record, std::initializer_list<std::string_view> but) {
  std::string text;
  for (const auto& fact : record.facts) {
    if (meaning::is_one_of(fact.key, but)) continue;
    text += text.empty() ? "" : ", ";
    text.append(fact.key).append(" ").append(in_the_old_root(fact.value));
  }
  return text.empty() ? "" : " (" + text + ")";
}

}  // namespace

std::string end_of(const Account::Process& process) {
  const auto who = "the end of " + process.command + " (pid " + process.pid + ")";
  return process.killed.empty() ? who : who + ", which was killed: " + process.killed;
}

void Records::add(const Record& record) {
  ++count;
  auto size = record.message.size();
  for (const auto& fact : record.facts) size += fact.key.size() + fact.value.size();
  if (first.size() == most || bytes + size > most_bytes) return;
  bytes += size;
  first.push_back(record);
}

std::optional<Time> parse_duration(std::string_view text) {
  if (!text.ends_with("ms")) return std::nullopt;
  text.remove_suffix(2);
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot + 2 != text.size()) return std::nullopt;
  const auto whole = number_in<std::int64_t>(text.substr(0, dot));
  const auto tenth = number_in<std::int64_t>(text.substr(dot + 1));
  constexpr std::int64_t most = std::int64_t{1} << 50U;
  if (!whole || !tenth || *whole < 0 || *whole > most || *tenth < 0) return std::nullopt;
  return Time(*whole * 1000 + *tenth * 100);
}

bool Account::is_there() const noexcept {
  return std::any_of(phases.begin(), phases.end(),
                     [](const Phase& phase) { return meaning::is_of_the_new_system(phase.name); });
}

Time Account::without_a_system() const noexcept {
  Time end = last;
  for (const auto& phase : phases) {
    if (!meaning::is_of_the_new_system(phase.name)) continue;
    end = phase.began;
    break;
  }
  return end - no_return.value_or(Time{0});
}

std::string words_of(const Record& record) {
  const auto fact = [&](std::string_view key) { return text_of(record, key); };
  std::string text;
  if (record.message == "call") {
    text = fact("name");
    if (!fact("about").empty()) text.append(" ").append(in_the_old_root(fact("about")));
    if (fact("result") != "ok") text += ": " + fact("result");
  } else if (record.message == "released") {
    text = fact("device") + ", which was " + fact("was");
  } else if (record.message == "started") {
    text = "the beginning of " + record.phase;
  } else if (record.message == "gone") {
    text = end_of(process_of(record));
  } else if (meaning::is_one_of(record.message, {"still busy", "still busy, detached"})) {
    text = record.fact("device") ? fact("device") : in_the_old_root(fact("mount"));
    if (text == "/") text = "/ of the old system";
    text += ": " + (record.fact("reason") ? fact("reason") : "busy");
    if (!fact("held_by").empty()) text += ", held by " + fact("held_by");
    if (const auto command = fact("to_end_it"); !command.empty() && command != "unknown")
      text += "; to end it: " + command;
  } else if (record.message == "still waiting") {
    text = fact("what") + ", for " + fact("for") + facts_of(record, {"what", "for"});
  } else {
    text = record.message + facts_of(record, {log::mend_key});
  }
  return log::escaped(text);
}

bool Teller::begins_anew(const Record& record) const {
  if (record.message == "record begins") return true;
  // In the kernel's log a takeover begins here.
  if (record.phase != "wake" || record.message != "started") return false;
  const auto& phases = account_.phases;
  const bool was_there = std::any_of(phases.begin(), phases.end(), [](const Account::Phase& phase) {
    return phase.name == "wake";
  });
  // What comes before the log is ready is written before that line.
  const bool is_its_first = phases.back().name == "wake" && !has_begun_;
  return was_there && !is_its_first;
}

void Teller::begin(const Record& record) {
  if (is_any_) ++earlier_;
  is_any_ = true;
  account_ = {};
  before_ = {};
  has_before_ = false;
  has_begun_ = false;
  missing_ = 0;
  is_whole_ = record.message == "record begins";
  account_.time = text_of(record, "time");
  const auto format = number_in<int>(text_of(record, "format"));
  account_.newer_format = is_whole_ && (!format || *format > log::format_version);
}

void Teller::note_wait(Account::Phase& phase, const Record& record) const {
  if (record.elapsed > before_.elapsed && record.message != "still waiting")
    path::add(phase, before_.elapsed, record.elapsed - before_.elapsed, record);
}

/// Of a phase that is over: where it has ended.
void Teller::note_late(const Record& record) {
  auto& phases = account_.phases;
  const auto phase = std::find_if(phases.rbegin(), phases.rend(),
                                  [&](const auto& one) { return one.name == record.phase; });
  if (phase == phases.rend() || !meaning::is_the_end_of(record)) return;
  phase->ended = std::max(phase->began, record.elapsed);
  end(*phase, record);
}

void Teller::note_phase(const Record& record) {
  auto& phases = account_.phases;
  auto* phase = phases.empty() ? nullptr : &phases.back();
  // Both programs write at the moment in which the one becomes the other, a rehearsal's verdict
  // comes last, and datagrams come as they like.
  const bool is_late =
      phase != nullptr && phase->name != record.phase &&
      ((meaning::is_the_injectors(record.phase) && !meaning::is_the_injectors(phase->name)) ||
       record.elapsed < phase->began);
  if (is_late) return note_late(record);
  const bool begins = record.message == "started" && record.fact("line");
  const bool again = begins && has_begun_;
  const bool is_other = phase == nullptr || phase->name != record.phase || again;
  has_begun_ = begins || (has_begun_ && !is_other);
  if (begins && !is_other) phase->began = std::min(phase->began, record.elapsed);
  if (is_other) {
    if (phases.size() == Records::most) return;
    if (phase != nullptr && phase->end == Account::Phase::End::open) {
      phase->ended = std::max(phase->began, record.elapsed);
      if (has_before_) note_wait(*phase, record);
    }
    phase = &phases.emplace_back();
    phase->name = record.phase;
    phase->began = phase->ended = record.elapsed;
    return;
  }
  if (has_before_ && before_.phase == record.phase) note_wait(*phase, record);
  if (phase->end == Account::Phase::End::open)
    phase->ended = std::max(phase->ended, record.elapsed);
  if (meaning::is_the_end_of(record)) end(*phase, record);
}

void Teller::note_process(const Record& record) {
  if (!record.fact("pid")) return;
  auto process = process_of(record);
  auto& running = account_.running;
  if (record.message == "asked to end" && running.size() < Records::most)
    running[process.pid] = process;
  if (record.message != "gone") return;
  running.erase(process.pid);
  if (!account_.phases.empty()) path::add(account_.phases.back(), process);
  // Those of the new system are told by the time of its end alone.
  if (account_.is_there()) return;
  ++account_.processes;
  if (!process.killed.empty()) ++account_.killed;
  auto& slowest = account_.slowest;
  // A heap with the fastest in front.
  slowest.push_back(std::move(process));
  std::push_heap(slowest.begin(), slowest.end(), is_slower);
  if (slowest.size() <= Records::most) return;
  std::pop_heap(slowest.begin(), slowest.end(), is_slower);
  slowest.pop_back();
}

/// What a hook or a breakpoint is about, and what it says.
void Teller::note_hook(const Record& record) {
  constexpr std::size_t most_lines = 5;
  if (account_.phases.empty()) return;
  auto& phase = account_.phases.back();
  if (record.phase != phase.name || (phase.name != "hook" && phase.name != "break")) return;
  if (const auto at = record.fact("at"); at && phase.at.empty()) phase.at = *at;
  if (record.message == "the hook has failed") phase.reason = text_of(record, "reason");
  if (record.message != "output") return;
  if (phase.said.size() == most_lines) phase.said.erase(phase.said.begin());
  phase.said.push_back(text_of(record, "text"));
}

/// Of the new one, or of the old one that never came to it.
void Teller::note_end_of_system(const Record& record) {
  auto& account = account_;
  if (account.outcome == Account::Outcome::failed) return;
  const auto& phases = account.phases;
  const bool had_command = account.is_there();
  account.outcome = Account::Outcome::ended;
  account.reason = text_of(record, "by");
  if (had_command) return;
  account.reason += ", and its command was not started";
  if (phases.size() > 1 && phases[phases.size() - 2].name == "break")
    account.reason += "; it was stopped at " + phases[phases.size() - 2].at;
}

void Teller::note_outcome(const Record& record) {
  using Outcome = Account::Outcome;
  auto& account = account_;
  const auto fail = [&](Outcome outcome, std::string reason) {
    account.outcome = outcome;
    account.reason = std::move(reason);
  };
  const auto& message = record.message;
  if (message == "asked for") {
    account.image = text_of(record, "image");
    account.scope = record.fact("what") == "rehearse" ? "namespace" : "";
  }
  if (message == "starting") account.command = text_of(record, "executable");
  if (record.fact("scope")) account.scope = text_of(record, "scope");
  if (message == "PID 1 has executed the payload") account.no_return = record.elapsed;
  if (message == "call" && record.fact("name") == "pivot_root") account.pivot = record.elapsed;
  if (message == "started" && meaning::is_of_the_new_system(record.phase))
    fail(Outcome::started, "");
  // An error that was none.
  if (record.phase == "wake" && account.outcome == Outcome::not_taken)
    fail(Outcome::unfinished, "");
  if (message == "failed" && record.fact("duration"))
    fail(Outcome::failed, text_of(record, "reason"));
  if (meaning::is_one_of(message, {"the takeover has failed", "the command cannot be started"})) {
    fail(Outcome::failed, text_of(record, "reason"));
    note_failure_of_phase();
  }
  if (message == "the system ends") note_end_of_system(record);
  if (message == "the command has ended") account.command_ended = text_of(record, "how");
  if (record.fact("a_machine")) account.a_machine = text_of(record, "a_machine");
  if (message.starts_with("PID 1 has ended, which it must not"))
    fail(Outcome::failed, "PID 1 has ended: " + text_of(record, "how"));
  if (message == "the dry run ends") fail(Outcome::dry_run, "");
  if (record.level == Level::error && meaning::is_the_injectors(record.phase) &&
      !account.no_return) {
    fail(Outcome::not_taken, message + facts_of(record, {log::mend_key}));
    account.mend = text_of(record, log::mend_key);
  }
}

/// Of the one before the way out, where it has not said so itself.
void Teller::note_failure_of_phase() {
  auto& phases = account_.phases;
  const auto phase = std::find_if(phases.rbegin(), phases.rend(),
                                  [](const Account::Phase& one) { return one.name != "failure"; });
  if (phase == phases.rend() || phase->end != Account::Phase::End::open) return;
  phase->end = Account::Phase::End::failed;
  phase->reason = account_.reason;
}

void Teller::note_rest(const Record& record) {
  auto& account = account_;
  if (record.message == "call" && record.fact("result") != "ok") account.failed_calls.add(record);
  if (record.message == "still waiting") return account.waited.add(record);
  if (record.message == "lines left out")
    account.lines_lost += number_in<std::size_t>(text_of(record, "count")).value_or(0);
  if (record.message == "mount kept" || record.message == "kept") return account.kept.add(record);
  if (meaning::frees(record)) return account.freed.add(record);
  if (meaning::stays_busy(record)) return account.busy.add(record);
  if (meaning::leaves_out(record)) return account.skipped.add(record);
  const bool is_told = meaning::is_the_end_of(record) ||
                       record.message == "the takeover has failed" || record.fact("a_machine") ||
                       record.message.starts_with("stopped: ") ||
                       account.outcome == Account::Outcome::not_taken;
  if (record.level >= Level::warning && !is_told) account.troubles.add(record);
}

void Teller::tell(const Record& record) {
  if (!is_any_ || begins_anew(record)) begin(record);
  auto& account = account_;
  ++account.lines;
  account.last = std::max(account.last, record.elapsed);
  account.has_details = account.has_details || record.level <= Level::debug;
  if (record.message == "started") {
    const auto number = number_in<std::size_t>(text_of(record, "line")).value_or(0);
    if (number > account.lines) missing_ = std::max(missing_, number - account.lines);
  }
  note_phase(record);
  note_process(record);
  note_hook(record);
  note_outcome(record);
  note_rest(record);
  // What is said of a wait does not end it.
  if (record.message == "still waiting" && has_before_) return;
  // Nor does what comes late.
  if (has_before_ && record.elapsed < before_.elapsed) return;
  before_ = record;
  has_before_ = true;
}

std::optional<Account> Teller::finish() {
  if (!std::exchange(is_any_, false)) return std::nullopt;
  auto account = std::exchange(account_, {});
  // A copy for a screen lacks lines on purpose.
  if (account.has_details) account.lines_lost = std::max(account.lines_lost, missing_);
  account.has_details = account.has_details || (is_whole_ && missing_ == 0);
  if (account.outcome == Account::Outcome::unfinished &&
      before_.message == "the log is on the disk")
    account.reason = "this copy is of the old system's disk, and ends where that was let go of";
  std::sort_heap(account.slowest.begin(), account.slowest.end(), is_slower);
  return account;
}

}  // namespace dboot
