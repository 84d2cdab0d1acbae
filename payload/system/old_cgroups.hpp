#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// What tells a cgroup hierarchy from the others (cgroups(7)).
struct CgroupHierarchy {
  std::vector<std::string> controllers;  ///< version 1: "cpu", "cpuacct"; or "name=systemd"
  bool unified() const noexcept { return controllers.empty(); }
  bool operator==(const CgroupHierarchy&) const = default;
};

/// The lines of a /proc/PID/cgroup file; what is none is passed over.
std::vector<CgroupHierarchy> parse_cgroup_hierarchies(std::string_view cgroup);

/// Moves every process that is left to the root of each hierarchy, of version 2 and 1, and removes
/// the old system's groups, which are empty by then.
Task<> leave_old_cgroups(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
