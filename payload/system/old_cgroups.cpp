#include "payload/system/old_cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
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

struct Removal {
  std::size_t removed = 0;
  std::size_t left = 0;
};

/// The innermost first. A group that is not empty stays.
void remove_groups(int parent, Removal& removal) {
  for (const auto& [name, type] : entries_of(parent, "of cgroups")) {
    if (type != DT_DIR) continue;
    const UniqueFd group(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (group) remove_groups(group.get(), removal);
    const bool gone = ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0;
    ++(gone ? removal.removed : removal.left);
  }
}

void move_process(const UniqueFd& processes, pid_t pid) {
  const auto text = std::to_string(pid);
  [[maybe_unused]] const auto refused = ::write(processes.get(), text.data(), text.size());
}

/// This process, PID 1 and whatever else is alive. What ends meanwhile, or belongs to the kernel,
/// is refused.
void move_processes(int root) {
  const UniqueFd processes = sys::open_at(root, "cgroup.procs", O_WRONLY);
  // First of all: the children that it makes from here on are in the root.
  move_process(processes, 1);
  for (const pid_t pid : list_processes()) move_process(processes, pid);
}

/// A process that is about to end cannot be moved any more, and keeps its group for a moment.
Removal leave(int root) {
  constexpr int most_rounds = 50;
  constexpr timespec a_moment{0, 10'000'000};
  std::size_t removed = 0;
  for (int round = 1;; ++round) {
    Removal removal;
    move_processes(root);
    remove_groups(root, removal);
    removed += removal.removed;
    if (removal.left == 0 || round == most_rounds) return {removed, removal.left};
    ::nanosleep(&a_moment, nullptr);
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
  std::size_t stay = 0;
  std::size_t left = 0;
  for (const auto& hierarchy : hierarchies) {
    blocking::Work work = [&](const blocking::Report& report) {
      const UniqueFd root = mount_root_of(hierarchy);
      const auto groups = leave(root.get());
      report.write(std::to_string(groups.removed) + ' ' + std::to_string(groups.left));
    };
    auto child = blocking::run(children, "leave the old cgroups", 10s, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(log, "move to the root of", name_of(hierarchy), outcome);
    if (outcome.finished()) {
      ++left;
      const auto numbers = words_of(outcome.text);
      if (numbers.size() == 2) {
        removed += number_in<std::size_t>(numbers[0]).value_or(0);
        stay += number_in<std::size_t>(numbers[1]).value_or(0);
      }
    } else {
      log.warning("old cgroups stay",
                  {{"hierarchy", name_of(hierarchy)}, {"reason", outcome.error}});
    }
  }
  log.info("moved to the root cgroup",
           {{"hierarchies", left}, {"removed", removed}, {"stay", stay}});
}

}  // namespace dboot
