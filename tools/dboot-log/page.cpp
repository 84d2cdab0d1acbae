#include "tools/dboot-log/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

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
  using End = Account::Phase::End;
  if (phase.end == End::failed) return "failed: " + log::escaped(phase.reason);
  return "";
}

void show_phases(Page& page, const Account& account) {
  page.title("Phases               began        took");
  for (const auto& phase : account.phases) {
    const auto took = phase.ended - phase.began;
    const auto note = note_of(phase);
    auto line =
        fmt::format("{:<14} {:>10}  {:>10}  {}", log::escaped(phase.name), seconds(phase.began),
                    seconds(took), note.empty() ? bar(took, account.last) : note);
    line.erase(line.find_last_not_of(' ') + 1);
    page.line(line);
  }
}

void show_marks(Page& page, const Account& account) {
  if (account.no_return)
    page.plain("Point of no return at " + seconds(*account.no_return) +
               (account.pivot ? ", pivot at " + seconds(*account.pivot) : "") + ".");
}

void show_path(Page& page, const Account& account) {
  const auto steps = critical_path(account);
  if (steps.empty()) return;
  page.title("Where the time went");
  for (const auto& [phase, took, what] : steps)
    page.line(fmt::format("{:>10}  {}: {}", seconds(took), log::escaped(phase), what));
}

void show_processes(Page& page, const Account& account) {
  if (account.processes == 0) return;
  page.title(fmt::format("Ended: {} processes, {} of them killed; the slowest first",
                         account.processes, account.killed));
  const auto shown = std::min(account.slowest.size(), most_lines);
  for (std::size_t at = 0; at < shown; ++at) {
    const auto& process = account.slowest[at];
    page.line(
        fmt::format("{:>10}  {} (pid {}){}", seconds(process.took()), log::escaped(process.command),
                    log::escaped(process.pid),
                    process.killed.empty() ? "" : ", killed: " + log::escaped(process.killed)));
  }
  page.more(account.processes - shown);
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

std::string outcome(const Account& account) {
  using Outcome = Account::Outcome;
  const auto reason = log::escaped(account.reason);
  const auto with = account.command.empty() ? "" : " with " + log::escaped(account.command);
  switch (account.outcome) {
    case Outcome::started:
      return "The new system has started" + with + ", " + seconds(account.without_a_system()) +
             " after the point of no return.";
    case Outcome::failed:
      return "The takeover has failed: " + reason + ".";
    case Outcome::ended:
      return "The payload has ended the system: " + reason + ".";
    case Outcome::not_taken:
      return "Nothing was replaced: " + reason + "." +
             (account.mend.empty() ? "" : "\nTo mend it: " + log::escaped(account.mend) + ".");
    default:
      break;
  }
  const std::string where =
      account.phases.empty() ? "" : " in " + log::escaped(account.phases.back().name);
  return "The record stops" + where + " after " + seconds(account.last) + ".";
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
  show_processes(page, account);
  show_records(page, "Freed", account.freed);
  show_records(page, "Stayed busy", account.busy);
  show_records(page, "Left out", account.skipped);
  show_records(page, "Waited for", account.waited);
  show_records(page, "Warnings and errors", account.troubles);
  show_records(page, "Calls that failed, and were tried again or done without",
               account.failed_calls);
  return page.text();
}

}  // namespace dboot::page
