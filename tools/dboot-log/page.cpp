#include "tools/dboot-log/page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/dboot-log/path.hpp"

namespace dboot::page {
namespace {

constexpr std::size_t most_lines = 20;

double in_seconds(Time time) {
  return std::chrono::duration<double>(time).count();
}

/// A title, and the lines below it if there are any.
class Page {
 public:
  void title(std::string_view title) { text_ += fmt::format("\n{}\n", title); }
  void line(const std::string& words) { text_ += "  " + words + '\n'; }
  void more(std::size_t count) {
    if (count != 0) line(fmt::format("and {} more", count));
  }
  void plain(const std::string& words) { text_ += words + '\n'; }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

void show_records(Page& page, std::string_view title, const Records& records) {
  if (records.count == 0) return;
  page.title(title);
  const auto shown = std::min(records.first.size(), most_lines);
  for (std::size_t at = 0; at < shown; ++at) {
    const auto& record = records.first[at];
    page.line(fmt::format("{:>10}  {}", seconds(record.elapsed), words_of(record)));
  }
  page.more(records.count - shown);
}

std::string bar(Time took, Time whole) {
  constexpr double columns = 30;
  const auto share = whole.count() == 0 ? 0 : in_seconds(took) / in_seconds(whole);
  return std::string(static_cast<std::size_t>(share * columns + 0.5), '#');
}

std::string note_of(const Account::Phase& phase) {
  if (phase.reason.empty()) return "";
  using End = Account::Phase::End;
  return (phase.end == End::failed ? "failed: " : "warning: ") + log::escaped(phase.reason);
}

void show_phases(Page& page, const Account& account) {
  page.title("Phases                       began        took");
  for (const auto& phase : account.phases) {
    const auto took = phase.ended - phase.began;
    const auto note = note_of(phase);
    auto line =
        fmt::format("{:<22} {:>10}  {:>10}  {}", log::escaped(phase.label()), seconds(phase.began),
                    duration(took), note.empty() ? bar(took, account.last) : note);
    line.erase(line.find_last_not_of(' ') + 1);
    page.line(line);
    if (note.empty()) continue;
    for (const auto& said : phase.said) page.line("    it wrote: " + log::escaped(said));
  }
}

void show_marks(Page& page, const Account& account) {
  if (account.no_return)
    page.plain("Point of no return at " + seconds(*account.no_return) +
               (account.pivot ? ", pivot at " + seconds(*account.pivot) : "") + ".");
}

void show_path(Page& page, const Account& account) {
  const auto steps = path::critical(account);
  if (steps.empty()) return;
  page.title("Where the time went");
  for (const auto& step : steps)
    page.line(
        fmt::format("{:>10}  {}: {}", duration(step.took), log::escaped(step.phase), step.what));
}

void show_processes(Page& page, const Account& account) {
  if (account.processes == 0) return;
  page.title(fmt::format("Ended: {} process{}, {} of them killed; the slowest first",
                         account.processes, account.processes == 1 ? "" : "es", account.killed));
  const auto shown = std::min(account.slowest.size(), most_lines);
  for (std::size_t at = 0; at < shown; ++at) {
    const auto& process = account.slowest[at];
    page.line(
        fmt::format("{:>10}  {} (pid {}){}", duration(process.took()),
                    log::escaped(process.command), log::escaped(process.pid),
                    process.killed.empty() ? "" : ", killed: " + log::escaped(process.killed)));
  }
  page.more(account.processes - shown);
}

/// Where the record stops, or the takeover has failed: what it was waiting for, maybe.
void show_running(Page& page, const Account& account) {
  using Outcome = Account::Outcome;
  const bool matters = account.outcome == Outcome::unfinished || account.outcome == Outcome::failed;
  if (!matters || account.running.empty()) return;
  page.title("Asked to end, and not gone by the last line");
  std::size_t shown = 0;
  for (const auto& [pid, process] : account.running) {
    if (shown++ == most_lines) break;
    page.line(fmt::format("{:>10}  {} (pid {})", seconds(process.asked),
                          log::escaped(process.command), log::escaped(pid)));
  }
  page.more(account.running.size() - std::min(account.running.size(), most_lines));
}

void show_completeness(Page& page, const Account& account) {
  if (!account.has_details)
    page.plain(
        "This is a copy without details, such as the kernel's log: what was ended and "
        "unmounted is in payload.log only.");
  if (account.lines_lost != 0)
    page.plain(fmt::format("{} lines of the record are missing here.", account.lines_lost));
}

}  // namespace

std::string seconds(Time time) {
  return fmt::format("{:.3f} s", in_seconds(time));
}

std::string duration(Time time) {
  constexpr Time short_one{99'950};  // "100.0 ms" would be rounded from there on
  return time < short_one ? fmt::format("{:.1f} ms", in_seconds(time) * 1000) : seconds(time);
}

std::string outcome(const Account& account) {
  using Outcome = Account::Outcome;
  const auto reason = log::escaped(account.reason);
  const auto with = account.command.empty() ? "" : " with " + log::escaped(account.command);
  const auto behind = [](std::string_view words, const std::string& text) {
    return text.empty() ? "" : std::string(words) + log::escaped(text) + ".";
  };
  const auto end = behind(" Its command has ended: ", account.command_ended);
  const auto machine = behind("\nA machine ", account.a_machine);
  switch (account.outcome) {
    case Outcome::started: {
      const auto took = duration(account.without_a_system());
      return "The new system has started" + with +
             (account.no_return ? ", " + took + " after the point of no return."
                                : ", " + took + " after the takeover began.") +
             end + machine;
    }
    case Outcome::failed:
      return "The takeover has failed" + (reason.empty() ? "" : ": " + reason) + "." + machine;
    case Outcome::ended:
      return "The system was told to end: " + reason + "." + end + machine;
    case Outcome::not_taken:
      return "Nothing was replaced: " + reason + "." + behind("\nTo mend it: ", account.mend);
    case Outcome::dry_run:
      return "A dry run: it was prepared, and undone.";
    default:
      break;
  }
  const std::string where =
      account.phases.empty() ? "" : " in " + log::escaped(account.phases.back().label());
  return "The record stops" + where + " after " + seconds(account.last) +
         (reason.empty() ? "." : ": " + reason + ".");
}

std::string text(const Account& account) {
  Page page;
  std::string what = account.scope == "namespace" ? "A rehearsal" : "A takeover";
  if (!account.image.empty()) what += " with " + log::escaped(account.image);
  if (!account.time.empty()) what += ", begun " + log::escaped(account.time);
  page.plain(what + ".");
  page.plain(outcome(account));
  show_marks(page, account);
  show_completeness(page, account);
  show_phases(page, account);
  show_path(page, account);
  show_running(page, account);
  show_records(page, "Kept", account.kept);
  show_records(page, "Stayed busy", account.busy);
  show_records(page, "Warnings and errors", account.troubles);
  show_records(page, "Waited for", account.waited);
  show_processes(page, account);
  show_records(page, "Left out", account.skipped);
  show_records(page, "Calls that failed, and were tried again or done without",
               account.failed_calls);
  show_records(page, "Freed", account.freed);
  return page.text();
}

}  // namespace dboot::page
