#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Thaws what is frozen, in both versions of cgroups: a paused container, a suspended session. A
/// process that is frozen cannot shut down, and in version 1 not even SIGKILL ends it.
Task<> thaw_cgroups(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
