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
constexpr auto for_removed_groups = 1s;
/// The kernel ends a hierarchy by and by.
constexpr auto for_the_end = 1s;

bool is_held(const CgroupController& controller) {
  return controller.hierarchy != 0;
}

bool has_groups(const CgroupController& controller) {
  return is_held(controller) && controller.groups > 1;
}

bool is_about_to_end(const CgroupController& controller) {
  return is_held(controller) && !has_groups(controller);
}

/// Looks until `what` is true of no controller, or until `patience` is over.
void wait_until_none(bool (*what)(const CgroupController&), Clock::duration patience) {
  constexpr timespec a_moment{0, 5'000'000};
  const auto end = Clock::now() + patience;
  for (;;) {
    const auto controllers = parse_cgroup_controllers(sys::read_file("/proc/cgroups"));
    if (std::none_of(controllers.begin(), controllers.end(), what) || Clock::now() >= end) return;
    ::nanosleep(&a_moment, nullptr);
  }
}

/// The controllers that stay, each with a blank before it.
std::string free_all(const std::vector<CgroupHierarchy>& hierarchies) {
  std::vector<UniqueFd> roots;
  for (const auto& hierarchy : hierarchies) {
    try {
      roots.push_back(mount_root_of(hierarchy));
    } catch (const std::system_error&) {
      // It is seen to stay.
    }
  }
  wait_until_none(has_groups, for_removed_groups);
  roots.clear();
  wait_until_none(is_about_to_end, for_the_end);
  std::string stay;
  for (const auto& controller : parse_cgroup_controllers(sys::read_file("/proc/cgroups"))) {
    if (is_held(controller)) stay += ' ' + controller.name;
  }
  return stay;
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
  auto child = blocking::run(children, "free the controllers of cgroups", 5s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) {
    log.warning("cgroup controllers stay with version 1", {{"reason", outcome.error}});
  } else if (const auto stay = words_of(outcome.text); !stay.empty()) {
    log.warning("cgroup controllers stay with version 1",
                {{"controllers", joined({stay.begin(), stay.end()}, ",")}});
  }
}

}  // namespace dboot
