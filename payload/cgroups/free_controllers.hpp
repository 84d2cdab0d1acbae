#pragma once

#include <string_view>
#include <vector>

#include "payload/cgroups/hierarchy.hpp"
#include "payload/children/children.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// A line of /proc/cgroups (cgroups(7)).
struct CgroupController {
  std::string name;
  unsigned hierarchy = 0;  ///< 0: the unified one's, or nobody's
  unsigned groups = 0;     ///< of its hierarchy, with the root, and removed ones in use
};

std::vector<CgroupController> parse_cgroup_controllers(std::string_view cgroups);

/// Frees the controllers of hierarchies of version 1, whose groups have been removed, so that the
/// new system can use them in version 2 as after a boot: the kernel ends a hierarchy with its last
/// mount, unless there are groups (kernel/cgroup/cgroup.c, cgroup_kill_sb()). Those that stay are
/// in the log.
Task<> free_controllers(Log& log, Children& children,
                        const std::vector<CgroupHierarchy>& hierarchies);

}  // namespace dboot
