#pragma once

#include <string>

#include "payload/permissions.hpp"
#include "payload/processes/resource_limits.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// The limits that the kernel gives to its first process; empty where they are not to be seen, in a
/// PID namespace. For what is started: this process goes on with its own.
ResourceLimits limits_of_kernel(Log& log, Permissions permissions);

/// Makes this process as the kernel starts its first one: umask, interval timers, oom_score_adj,
/// priority; and the hostname, when one is given. What cannot be set is logged.
void become_fresh(Log& log, const std::string& hostname, Permissions permissions);

}  // namespace dboot
