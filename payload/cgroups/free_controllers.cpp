#include "payload/cgroups/free_controllers.hpp"

#include <time.h>

#include <algorithm>
#include <system_error>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A group that has been removed is there for a moment, and as long as somebody uses memory of its.
constexpr auto for_removed_groups = 2s;
/// For those whose last mount went after their last group: they are on their way.
constexpr auto for_those_that_end = 50ms;
/// The kernel ends a hierarchy by and by.
constexpr auto for_the_end = 3s;

bool is_held(const CgroupController& controller) {
  return controller.hierarchy != 0;
}

bool has_groups(const CgroupController& controller) {
  return is_held(controller) && controller.groups > 1;
}

bool is_about_to_end(const CgroupController& controller) {
  return is_held(controller) && !has_groups(controller);
}

std::vector<std::string> controllers_that(bool (*are)(const CgroupController&)) {
  std::vector<std::string> names;
  for (const auto& controller : parse_cgroup_controllers(sys::read_file("/proc/cgroups"))) {
    if (are(controller)) names.push_back(controller.name);
  }
  return names;
}

/// Looks until `what` is true of no controller, or until `patience` is over.
void wait_until_none(bool (*what)(const CgroupController&), Clock::duration patience) {
  constexpr timespec a_moment{0, 5'000'000};
  const auto end = Clock::now() + patience;
  for (;;) {
    if (controllers_that(what).empty() || Clock::now() >= end) return;
    ::nanosleep(&a_moment, nullptr);
  }
}

/// The controllers that stay, "memory,pids".
std::string free_all(const std::vector<CgroupHierarchy>& hierarchies) {
  wait_until_none(has_groups, for_removed_groups);
  wait_until_none(is_about_to_end, for_those_that_end);
  const auto held = controllers_that(is_about_to_end);
  for (const auto& hierarchy : hierarchies) {
    const auto is_its = [&](const std::string& name) { return hierarchy.controls(name); };
    if (std::none_of(held.begin(), held.end(), is_its)) continue;
    try {
      mount_root_of(hierarchy);  // and unmount it
    } catch (const std::system_error&) {
      // It is seen to stay.
    }
  }
  wait_until_none(is_about_to_end, for_the_end);
  return joined(controllers_that(is_held), ",");
}

}  // namespace

std::vector<CgroupController> parse_cgroup_controllers(std::string_view cgroups) {
  std::vector<CgroupController> controllers;
  for (const auto line : lines_of(cgroups)) {
    const auto words = words_of(line);
    if (words.size() < 3 || words[0].starts_with('#')) continue;
    const auto hierarchy = number_in<unsigned>(words[1]);
    const auto groups = number_in<unsigned>(words[2]);
    if (hierarchy && groups) controllers.push_back({std::string(words[0]), *hierarchy, *groups});
  }
  return controllers;
}

Task<> free_controllers(Log& log, Children& children,
                        const std::vector<CgroupHierarchy>& hierarchies) {
  std::vector<CgroupHierarchy> old;
  for (const auto& hierarchy : hierarchies) {
    if (hierarchy.has_controllers()) old.push_back(hierarchy);
  }
  if (old.empty()) co_return;
  blocking::Work work = [&](const blocking::Report& report) { report.write(free_all(old)); };
  auto child = blocking::run(children, "free the controllers of cgroups", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) {
    log.warning("cgroup controllers stay with version 1", {{"reason", outcome.error}});
  } else if (!outcome.text.empty()) {
    log.warning("cgroup controllers stay with version 1", {{"controllers", outcome.text}});
  }
}

}  // namespace dboot
