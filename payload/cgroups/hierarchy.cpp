#include "payload/cgroups/hierarchy.hpp"

#include <algorithm>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr std::string_view named = "name=";

}  // namespace

bool CgroupHierarchy::controls(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

bool CgroupHierarchy::has_controllers() const {
  return !unified() && !controllers.front().starts_with(named);
}

std::string CgroupHierarchy::name() const {
  return unified() ? "unified" : joined(controllers, ",");
}

std::vector<CgroupHierarchy> parse_cgroup_hierarchies(std::string_view cgroup) {
  std::vector<CgroupHierarchy> hierarchies;
  for (const auto line : lines_of(cgroup)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    CgroupHierarchy hierarchy;
    for (const auto name : split(line.substr(first + 1, second - first - 1), ','))
      hierarchy.controllers.emplace_back(name);
    hierarchies.push_back(std::move(hierarchy));
  }
  return hierarchies;
}

Task<std::vector<CgroupHierarchy>> read_cgroup_hierarchies(Log& log, Children& children) {
  using namespace std::chrono_literals;
  // The kernel may ask for a lock that somebody holds who waits for a disk (cgroup_mutex).
  blocking::Work work = [](const blocking::Report& report) {
    report.write(sys::read_file("/proc/self/cgroup"));
  };
  auto child = blocking::run(children, "look for cgroups", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log.warning("cgroups are not known", {{"reason", outcome.error}});
  co_return parse_cgroup_hierarchies(outcome.text);
}

UniqueFd mount_root_of(const CgroupHierarchy& hierarchy) {
  if (hierarchy.unified()) return detached_mount::make("cgroup2");
  detached_mount::Options options;
  for (const auto& controller : hierarchy.controllers) {
    if (controller.starts_with(named)) {
      options.emplace_back("name", controller.substr(named.size()));
    } else {
      options.emplace_back(controller, std::nullopt);
    }
  }
  return detached_mount::make("cgroup", 0, options);
}

}  // namespace dboot
