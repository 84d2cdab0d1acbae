#pragma once

#include <string>

#include "payload/permissions.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Makes this process as the kernel starts its first one: umask, interval timers, oom_score_adj,
/// priority; and the hostname, when one is given. What cannot be set is logged.
void become_fresh(Log& log, const std::string& hostname, Permissions permissions);

}  // namespace dboot
