#include "payload/system/old_cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

UniqueFd mount_root_of(const CgroupHierarchy& hierarchy) {
  if (hierarchy.unified()) return detached_mount::make("cgroup2");
  constexpr std::string_view named = "name=";
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

std::string name_of(const CgroupHierarchy& hierarchy) {
  if (hierarchy.unified()) return "unified";
  std::string name;
  for (const auto& controller : hierarchy.controllers)
    name += (name.empty() ? "" : ",") + controller;
  return name;
}

/// The innermost first. A group that is not empty stays.
std::size_t remove_groups(int parent) {
  std::size_t removed = 0;
  for (const auto& [name, type] : entries_of(parent, "of cgroups")) {
    if (type != DT_DIR) continue;
    const UniqueFd group(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (group) removed += remove_groups(group.get());
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) ++removed;
  }
  return removed;
}

/// This process, PID 1 and whatever else is alive. What ends meanwhile, or belongs to the kernel,
/// is refused.
void move_processes(int root) {
  const UniqueFd processes = sys::open_at(root, "cgroup.procs", O_WRONLY);
  for (const pid_t pid : list_processes()) {
    const auto text = std::to_string(pid);
    [[maybe_unused]] const auto refused = ::write(processes.get(), text.data(), text.size());
  }
}

}  // namespace

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

Task<> leave_old_cgroups(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::leave_cgroup)) co_return;
  const auto hierarchies = parse_cgroup_hierarchies(sys::read_file_or_empty("/proc/self/cgroup"));
  // One that fails must not keep the others.
  std::size_t removed = 0;
  std::size_t left = 0;
  for (const auto& hierarchy : hierarchies) {
    blocking::Work work = [&](const blocking::Report& report) {
      const UniqueFd root = mount_root_of(hierarchy);
      move_processes(root.get());
      report.write(std::to_string(remove_groups(root.get())));
    };
    auto child = blocking::run(children, "leave the old cgroups", 10s, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(log, "move to the root of", name_of(hierarchy), outcome);
    if (outcome.finished()) {
      ++left;
      removed += number_in<std::size_t>(outcome.text).value_or(0);
    } else {
      log.warning("old cgroups stay",
                  {{"hierarchy", name_of(hierarchy)}, {"reason", outcome.error}});
    }
  }
  log.info("moved to the root cgroup", {{"hierarchies", left}, {"removed", removed}});
}

}  // namespace dboot
