#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Moves PID 1 and its helpers to the root of the hierarchy of version 1 that has the memory
/// controller, and their memory. Files in memory that it writes from here on, such as the record,
/// keep no old group.
Task<> leave_memory_group(Log& log, Children& children, Permissions permissions);

/// Moves every process that is left to the root of each hierarchy, of version 2 and 1, and removes
/// the old system's groups, which are empty by then.
Task<> leave_old_cgroups(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
