#include "tools/dboot-log/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tools/dboot-log/page.hpp"

namespace dboot {
namespace {

constexpr double width = 1000;
constexpr double left = 190;  // of it the names have so much
constexpr double right = 975;
constexpr double row = 19;
constexpr double bar_height = 13;
constexpr double top = 92;
constexpr std::size_t most_processes = 40;

constexpr std::string_view style = R"(<style>
svg { background: #fff; font: 12px system-ui, sans-serif; }
text { fill: #222; stroke: #fff; stroke-width: 3px; paint-order: stroke; }
.title { font-size: 16px; font-weight: 600; }
.section { font-weight: 600; }
.faint { fill: #667; }
.grid { stroke: #e3e3e8; }
.phase { fill: #4472a8; }
.failed { fill: #b3261e; }
.process { fill: #6ba368; }
.killed { fill: #d98324; }
.tick { stroke: #4472a8; stroke-width: 2; }
.busy { stroke: #b3261e; stroke-width: 3; }
.mark { stroke: #8e44ad; stroke-dasharray: 5 3; }
.marked { fill: #8e44ad; }
@media (prefers-color-scheme: dark) {
  svg { background: #16181d; }
  text { fill: #e4e6eb; stroke: #16181d; }
  .faint { fill: #9aa0ac; }
  .grid { stroke: #2c3038; }
  .phase { fill: #6d9bd1; }
  .failed { fill: #ff8a80; }
  .process { fill: #7fbf7b; }
  .killed { fill: #f0a04b; }
  .tick { stroke: #6d9bd1; }
  .busy { stroke: #ff8a80; }
  .mark { stroke: #c792ea; }
  .marked { fill: #c792ea; }
}
</style>
)";

/// For an element's text or an attribute. A character that XML has not is escaped before.
std::string xml(std::string_view words) {
  std::string text;
  for (const char letter : log::escaped(words)) {
    switch (letter) {
      case '&':
        text += "&amp;";
        break;
      case '<':
        text += "&lt;";
        break;
      case '>':
        text += "&gt;";
        break;
      case '"':
        text += "&quot;";
        break;
      default:
        text += letter;
    }
  }
  return text;
}

/// So much of a name as there is room for: cut between characters.
std::string short_name(std::string_view name) {
  constexpr std::size_t most = 26;
  std::string text = log::escaped(name);
  if (text.size() <= most) return text;
  std::size_t end = most - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return text.substr(0, end) + "…";
}

class Picture {
 public:
  explicit Picture(Time whole) : whole_(std::max(whole, Time{1})) {}

  void section(std::string_view title) {
    y_ += row / 2;
    text(10, y_ + bar_height - 2, title, "section");
    y_ += row;
  }
  void bar(std::string_view name, Time began, Time ended, std::string_view kind,
           const std::string& words) {
    const double from = at(began);
    const double to = at(ended);
    text(10, y_ + bar_height - 2, short_name(name), "");
    drawn_ += fmt::format(
        "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\"><title>{}"
        "</title></rect>\n",
        kind, from, y_, std::max(to - from, 1.0), bar_height, xml(words));
    const auto took = page::duration(ended - began);
    constexpr double room = 70;
    if (to + room < right) {
      text(to + 5, y_ + bar_height - 2, took, "faint");
    } else {
      text(std::max(from - 5, left), y_ + bar_height - 2, took, "faint", "end");
    }
    y_ += row;
  }
  void ticks(std::string_view name, const std::vector<const log::Record*>& records,
             std::string_view kind) {
    if (records.empty()) return;
    text(10, y_ + bar_height - 2, short_name(name), "");
    for (const auto* record : records)
      drawn_ += fmt::format(
          "<line class=\"{0}\" x1=\"{1:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{3:.1f}\"><title>"
          "{4}</title></line>\n",
          kind, at(record->elapsed), y_, y_ + bar_height,
          xml(words_of(*record) + ", at " + page::seconds(record->elapsed)));
    y_ += row;
  }
  /// Through all of it.
  void mark(Time time, std::string_view name, double height) {
    marks_ += fmt::format(
        "<line class=\"mark\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>\n",
        at(time), height + 4, y_);
    constexpr double of_a_letter = 7;
    const bool at_the_end = at(time) + static_cast<double>(name.size()) * of_a_letter > right;
    place(marks_, at(time) + (at_the_end ? -4 : 4), height + 12, name, "marked",
          at_the_end ? "end" : "start");
  }
  /// What a colour means, one after the other in a row.
  void legend(const std::vector<std::pair<std::string_view, std::string_view>>& kinds) {
    grid_end_ = y_;
    y_ += row / 2;
    double x = left;
    for (const auto& [kind, meaning] : kinds) {
      drawn_ +=
          fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\"/>\n",
                      kind, x, y_);
      text(x + 17, y_ + bar_height - 2, meaning, "faint");
      constexpr double of_a_letter = 7;
      x += 40 + of_a_letter * static_cast<double>(meaning.size());
    }
    y_ += row;
  }
  std::string finish(const std::string& title, const std::string& subtitle) {
    const double height = y_ + row;
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" aria-label=\"{2}\">\n",
        width, height, xml(title));
    svg += style;
    place(svg, 10, 24, title, "title");
    place(svg, 10, 44, subtitle, "faint");
    return svg + grid() + marks_ + drawn_ + "</svg>\n";
  }

 private:
  double at(Time time) const {
    const double share = static_cast<double>(time.count()) / static_cast<double>(whole_.count());
    return left + std::clamp(share, 0.0, 1.0) * (right - left);
  }
  static void place(std::string& to, double x, double y, std::string_view words,
                    std::string_view kind, std::string_view anchor = "start") {
    to += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n",
                      kind, x, y, anchor, xml(words));
  }
  void text(double x, double y, std::string_view words, std::string_view kind,
            std::string_view anchor = "start") {
    place(drawn_, x, y, words, kind, anchor);
  }
  /// A line every 1, 2 or 5 of some power of ten seconds: ten of them at most.
  std::string grid() const {
    const double whole = std::chrono::duration<double>(whole_).count();
    const double power = std::pow(10.0, std::floor(std::log10(whole / 10)));
    double step = power;
    for (const double factor : {2.0, 5.0, 10.0}) {
      if (whole / step > 10) step = power * factor;
    }
    const int digits = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
    std::string lines;
    for (int number = 0; number * step <= whole * (1 + 1e-9); ++number) {
      const double x = left + number * step / whole * (right - left);
      lines += fmt::format(
          "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>\n", x,
          top, grid_end_);
      place(lines, x, top - 5, fmt::format("{:.{}f} s", number * step, digits), "faint", "middle");
    }
    return lines;
  }

  Time whole_;
  double y_ = top;
  double grid_end_ = top;
  std::string drawn_;
  std::string marks_;
};

/// Where the picture ends: how long a supervised command runs is no part of a takeover, unless
/// there is more behind it.
Time end_of(const Account& account) {
  if (account.phases.empty() || account.phases.back().name != "supervise") return account.last;
  return account.phases.back().began;
}

void draw_phases(Picture& picture, const Account& account, Time end) {
  picture.section("Phases");
  for (const auto& phase : account.phases) {
    if (phase.name == "supervise" && phase.began == end) continue;
    const bool failed = phase.end == Account::Phase::End::failed;
    const auto ended = std::min(phase.ended, end);
    picture.bar(phase.label(), phase.began, ended, failed ? "failed" : "phase",
                phase.label() + ": " + page::duration(ended - phase.began) +
                    (failed ? ", failed: " + phase.reason : ""));
  }
}

/// The slowest, in the order in which they were asked.
void draw_processes(Picture& picture, const Account& account) {
  if (account.slowest.empty()) return;
  auto processes = account.slowest;
  processes.resize(std::min(processes.size(), most_processes));
  std::stable_sort(processes.begin(), processes.end(),
                   [](const auto& a, const auto& b) { return a.asked < b.asked; });
  const bool all = processes.size() == account.processes;
  picture.section(all ? "Processes, from being asked to their end"
                      : fmt::format("The {} slowest of {} processes, from being asked to their end",
                                    processes.size(), account.processes));
  for (const auto& process : processes) {
    const auto name = process.command + " " + process.pid;
    picture.bar(
        name, process.asked, process.ended, process.killed.empty() ? "process" : "killed",
        name + (process.killed.empty() ? ": has ended by itself" : ": killed, " + process.killed));
  }
}

/// What a line is about: a device, or where something is mounted.
std::string place_of(const log::Record& record) {
  for (const auto* key : {"device", "mount", "area", "path"}) {
    if (const auto value = record.fact(key)) return std::string(*value);
  }
  return record.message;
}

void draw_resources(Picture& picture, const Account& account) {
  std::vector<const log::Record*> mounts;
  std::vector<const log::Record*> devices;
  std::vector<const log::Record*> busy;
  for (const auto& record : account.freed.first)
    (record.message == "call" ? mounts : devices).push_back(&record);
  for (const auto& record : account.busy.first) busy.push_back(&record);
  if (mounts.empty() && devices.empty() && busy.empty()) return;
  picture.section("Let go of");
  const auto* const more = account.freed.count > account.freed.first.size() ? "+" : "";
  picture.ticks(fmt::format("mounts ({}{})", mounts.size(), more), mounts, "tick");
  picture.ticks(fmt::format("devices ({}{})", devices.size(), more), devices, "tick");
  picture.ticks(busy.empty() ? "" : "stayed busy: " + place_of(*busy.front()), busy, "busy");
}

}  // namespace

std::string timeline(const Account& account) {
  const auto end = end_of(account);
  Picture picture(end);
  draw_phases(picture, account, end);
  draw_processes(picture, account);
  draw_resources(picture, account);
  constexpr double first = 48;
  constexpr double second = 60;
  if (account.no_return) picture.mark(*account.no_return, "point of no return", first);
  if (account.pivot) picture.mark(*account.pivot, "pivot", second);
  picture.legend({{"phase", "phase"},
                  {"process", "process that has ended by itself"},
                  {"killed", "killed"},
                  {"failed", "failed, or stayed busy"}});
  auto title = std::string(account.scope == "namespace" ? "Rehearsal" : "Takeover");
  if (!account.image.empty()) title += " with " + account.image;
  if (!account.time.empty()) title += ", " + account.time;
  const auto outcome = page::outcome(account);
  return picture.finish(title, outcome.substr(0, outcome.find('\n')));
}

}  // namespace dboot
