#include "payload/cgroups/leave.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "payload/cgroups/free_controllers.hpp"
#include "payload/cgroups/hierarchy.hpp"
#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

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

/// Of version 1: whether the memory of a process that is moved to this group goes along
/// (Documentation/admin-guide/cgroup-v1/memory.rst, 8). The kernel asks for its mmap_lock then, and
/// lets nobody fork meanwhile.
void let_memory_come_along(int group, bool it_does) {
  const UniqueFd file(::openat(group, "memory.move_charge_at_immigrate", O_WRONLY | O_CLOEXEC));
  if (!file) return;
  [[maybe_unused]] const auto refused = ::write(file.get(), it_does ? "3" : "0", 1);
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

Task<> leave_memory_group(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::leave_cgroup)) co_return;
  auto looking = read_cgroup_hierarchies(log, children);
  const auto hierarchies = co_await std::move(looking);
  for (const auto& hierarchy : hierarchies) {
    if (hierarchy.unified() || !hierarchy.controls("memory")) continue;
    blocking::Work work = [&](const blocking::Report&) {
      const UniqueFd root = mount_root_of(hierarchy);
      const UniqueFd processes = sys::open_at(root.get(), "cgroup.procs", O_WRONLY);
      // Not of the others: who knows who holds the lock of one that hangs.
      let_memory_come_along(root.get(), true);
      move_process(processes, 1);
      for (const pid_t pid : children.spared()) move_process(processes, pid);
      let_memory_come_along(root.get(), false);
    };
    auto child = blocking::run(children, "leave the old memory group", 2s, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(log, "move to the root of", hierarchy.name(), outcome);
  }
}

Task<> leave_old_cgroups(Log& log, Children& children, Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows(Action::leave_cgroup)) co_return;
  auto looking = read_cgroup_hierarchies(log, children);
  const auto hierarchies = co_await std::move(looking);
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
    blocking::note_call(log, "move to the root of", hierarchy.name(), outcome);
    if (outcome.finished()) {
      ++left;
      const auto numbers = words_of(outcome.text);
      if (numbers.size() == 2) {
        removed += number_in<std::size_t>(numbers[0]).value_or(0);
        stay += number_in<std::size_t>(numbers[1]).value_or(0);
      }
    } else {
      log.warning("old cgroups stay", {{"hierarchy", hierarchy.name()}, {"reason", outcome.error}});
    }
  }
  log.info("moved to the root cgroup",
           {{"hierarchies", left}, {"removed", removed}, {"stay", stay}});
  co_await free_controllers(log, children, hierarchies);
}

}  // namespace dboot
