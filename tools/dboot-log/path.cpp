#include "tools/dboot-log/path.hpp"

#include <algorithm>
#include <utility>

namespace dboot::path {
namespace {

using Phase = Account::Phase;
using Process = Account::Process;
using Wait = Account::Wait;

constexpr std::size_t most_waits = 8;

/// Whether most of the time in which `earlier` was waited for is that of `later`.
bool outlasts(const Process& later, const Process& earlier) {
  return (earlier.ended - std::max(later.asked, earlier.asked)) * 2 >= earlier.took();
}

/// To what a line has room for, between characters.
std::string shortened(std::string text) {
  constexpr std::size_t most = 400;
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string what_it_waited_for(const Phase& phase, const log::Record& until) {
  const bool is_the_end = until.message == "finished" || until.message == "failed";
  if (until.phase != phase.name || until.message == "started" || is_the_end) return "up to its end";
  if (until.message == "output")
    return log::escaped("until it wrote: " + std::string(until.fact("text").value_or("")));
  return words_of(until);
}

std::vector<Step> steps_of(const Phase& phase) {
  std::vector<Step> steps;
  Time before{0};
  for (const auto& process : phase.ends) {
    const auto began = std::max(process.asked, before);
    steps.push_back({phase.label(), began, process.ended - began, log::escaped(end_of(process))});
    before = process.ended;
  }
  for (const auto& wait : phase.waits) {
    const auto ended = wait.began + wait.took;
    const bool is_told = std::any_of(phase.ends.begin(), phase.ends.end(), [&](const Process& one) {
      return wait.began < one.ended && ended > one.asked;
    });
    if (!is_told) steps.push_back({phase.label(), wait.began, wait.took, wait.until});
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.began < b.began; });
  return steps;
}

}  // namespace

void add(Phase& phase, Time began, Time took, const log::Record& record) {
  auto& waits = phase.waits;
  const auto is_shorter = [](const Wait& a, const Wait& b) { return a.took < b.took; };
  if (waits.size() == most_waits) {
    const auto shortest = std::min_element(waits.begin(), waits.end(), is_shorter);
    if (shortest->took >= took) return;
    waits.erase(shortest);
  }
  waits.push_back({began, took, shortened(what_it_waited_for(phase, record))});
}

void add(Phase& phase, const Process& process) {
  auto& ends = phase.ends;
  while (!ends.empty() && outlasts(process, ends.back())) ends.pop_back();
  if (ends.size() < Records::most) ends.push_back(process);
}

std::vector<Step> critical(const Account& account) {
  constexpr int most_steps = 50;
  std::vector<Step> steps;
  Time whole{0};
  for (const auto& phase : account.phases) {
    // How long its command runs is no part of a takeover.
    if (phase.name == "supervise") continue;
    whole += phase.ended - phase.began;
    for (auto& step : steps_of(phase)) steps.push_back(std::move(step));
  }
  std::erase_if(steps, [&](const Step& step) { return step.took < whole / most_steps; });
  return steps;
}

}  // namespace dboot::path
