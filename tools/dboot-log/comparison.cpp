#include "tools/dboot-log/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "tools/dboot-log/page.hpp"

namespace dboot {
namespace {

using Change = Comparison::Change;
using Times = std::vector<std::pair<std::string, Time>>;  ///< in the order in which they are told

Time& time_of(Times& times, const std::string& name) {
  const auto found = std::find_if(times.begin(), times.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found != times.end() ? found->second : times.emplace_back(name, Time{0}).second;
}

Times phases_of(const Account& account) {
  Times times;
  for (const auto& phase : account.phases) {
    // How long the new system's command runs is no part of a takeover.
    if (phase.name != "supervise") time_of(times, phase.label()) += phase.ended - phase.began;
  }
  return times;
}

std::map<std::string, Time> processes_of(const Account& account) {
  std::map<std::string, Time> times;
  for (const auto& process : account.slowest) {
    auto& time = times[process.command];
    time = std::max(time, process.took());
  }
  return times;
}

std::set<std::string> killed_in(const Account& account) {
  std::set<std::string> commands;
  for (const auto& process : account.slowest) {
    if (!process.killed.empty()) commands.insert(process.command);
  }
  return commands;
}

/// Without what differs from one run to the next: times and numbers of processes.
std::string kind_of(const log::Record& record) {
  auto kind = record;
  std::erase_if(kind.facts, [](const log::Fact& fact) {
    return fact.key == "pid" || fact.key == "for" || fact.key == "rounds" ||
           parse_duration(fact.value).has_value();
  });
  return words_of(kind);
}

std::set<std::string> troubles_of(const Account& account) {
  std::set<std::string> kinds;
  for (const auto* records : {&account.busy, &account.skipped, &account.troubles}) {
    for (const auto& record : records->first) kinds.insert(kind_of(record));
  }
  return kinds;
}

std::vector<std::string> only_in(const std::set<std::string>& some,
                                 const std::set<std::string>& others) {
  std::vector<std::string> found;
  std::set_difference(some.begin(), some.end(), others.begin(), others.end(),
                      std::back_inserter(found));
  return found;
}

std::vector<Change> changed_phases(const Account& before, const Account& after) {
  std::vector<Change> changes;
  const auto find = [&](const std::string& name) {
    return std::find_if(changes.begin(), changes.end(),
                        [&](const Change& change) { return change.name == name; });
  };
  for (const auto& [name, time] : phases_of(after)) changes.push_back({name, {}, time});
  for (const auto& [name, time] : phases_of(before)) {
    const auto found = find(name);
    if (found != changes.end()) {
      found->before = time;
    } else {
      changes.push_back({name, time, {}});
    }
  }
  return changes;
}

/// Whether it is known of all processes, and not of the slowest alone.
bool knows_all(const Account& account) {
  return account.slowest.size() == account.processes;
}

std::vector<Change> changed_processes(const Account& before, const Account& after) {
  constexpr Time least{100'000};
  std::map<std::string, Change> all;
  for (const auto& [command, time] : processes_of(before)) all[command] = {command, time, {}};
  for (const auto& [command, time] : processes_of(after)) {
    all[command].name = command;
    all[command].after = time;
  }
  std::vector<Change> changes;
  for (const auto& [command, change] : all) {
    const bool is_known =
        (change.before || knows_all(before)) && (change.after || knows_all(after));
    if (!is_known) continue;
    const Time difference(std::abs(change.more().count()));
    if (difference >= least && difference * 10 >= change.before.value_or(Time{0}))
      changes.push_back(change);
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return a.more() > b.more(); });
  return changes;
}

std::string line_of(const Change& change) {
  constexpr Time noise{10'000};
  const auto shown = [](const std::optional<Time>& time) {
    return time ? page::duration(*time) : std::string("-");
  };
  auto line = fmt::format("  {:<22} {:>10}  {:>10}", log::escaped(change.name),
                          shown(change.before), shown(change.after));
  if (!change.before) return line + "  new";
  if (!change.after) return line + "  gone";
  const Time more = change.more();
  if (Time(std::abs(more.count())) < noise) return line;
  line += fmt::format("  {}{}", more > Time{0} ? '+' : '-',
                      page::duration(Time(std::abs(more.count()))));
  if (*change.before >= noise)
    line += fmt::format("  x{:.2f}", static_cast<double>(change.after->count()) /
                                         static_cast<double>(change.before->count()));
  return line;
}

void add_list(std::string& text, std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  text += fmt::format("\n{}\n", title);
  for (const auto& line : lines) text += "  " + line + '\n';
}

}  // namespace

Comparison compare(const Account& before, const Account& after) {
  Comparison comparison;
  comparison.phases = changed_phases(before, after);
  comparison.processes = changed_processes(before, after);
  if (knows_all(before)) comparison.killed = only_in(killed_in(after), killed_in(before));
  comparison.troubles = only_in(troubles_of(after), troubles_of(before));
  comparison.mended = only_in(troubles_of(before), troubles_of(after));
  comparison.outcome_before = page::outcome(before);
  comparison.outcome_after = page::outcome(after);
  return comparison;
}

std::string text(const Comparison& comparison) {
  std::string text = "Before: " + comparison.outcome_before +
                     "\nAfter:  " + comparison.outcome_after +
                     "\n\nPhases                       before       after\n";
  for (const auto& change : comparison.phases) text += line_of(change) + '\n';
  if (!comparison.processes.empty()) text += "\nProcesses that ended more slowly or faster\n";
  for (const auto& change : comparison.processes) text += line_of(change) + '\n';
  std::vector<std::string> killed;
  for (const auto& command : comparison.killed) killed.push_back(log::escaped(command));
  add_list(text, "Killed, and were not before", killed);
  add_list(text, "New", comparison.troubles);
  add_list(text, "Gone", comparison.mended);
  if (comparison.processes.empty() && killed.empty() && comparison.troubles.empty() &&
      comparison.mended.empty())
    text += "\nNothing else has changed.\n";
  return text;
}

}  // namespace dboot
