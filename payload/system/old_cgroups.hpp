#pragma once

#include "payload/permissions.hpp"
#include "payload/task.hpp"

namespace dboot {

/// Moves this process to the root of the cgroup v2 hierarchy and removes the old system's groups,
/// which are empty by now.
Task<> leave_old_cgroups(Permissions permissions);

}  // namespace dboot
