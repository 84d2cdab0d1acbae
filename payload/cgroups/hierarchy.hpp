#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// What tells a cgroup hierarchy from the others (cgroups(7)).
struct CgroupHierarchy {
  std::vector<std::string> controllers;  ///< version 1: "cpu", "cpuacct"; or "name=systemd"

  /// Of version 1, and not only a name.
  bool has_controllers() const;
  bool unified() const noexcept { return controllers.empty(); }
  bool controls(std::string_view controller) const;
  /// For the log: "unified", "cpu,cpuacct".
  std::string name() const;
  bool operator==(const CgroupHierarchy&) const = default;
};

/// The lines of a /proc/PID/cgroup file; what is none is passed over.
std::vector<CgroupHierarchy> parse_cgroup_hierarchies(std::string_view cgroup);

/// All that there are, whether or not the old system has mounted them; none, and a line in the log,
/// where the kernel does not say so within two seconds.
Task<std::vector<CgroupHierarchy>> read_cgroup_hierarchies(Log& log, Children& children);

/// Its root directory, on a mount without a place. May block: for a child. Throws
/// std::system_error.
UniqueFd mount_root_of(const CgroupHierarchy& hierarchy);

}  // namespace dboot
