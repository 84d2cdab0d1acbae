#pragma once

#include <string>

#include "payload/permissions.hpp"

namespace dboot {

/// Makes this process as the kernel starts its first one: resource limits, umask, interval timers,
/// oom_score_adj, priority, personality; and the hostname, when one is given. What cannot be set is
/// logged.
void become_fresh(const std::string& hostname, Permissions permissions);

}  // namespace dboot
