#pragma once

#include <string>

#include "payload/permissions.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Makes this process as the kernel starts its first one, in what an execve(2) keeps: see
/// dboot-init(8), "What PID 1 begins with". And sets the hostname, when one is given. What cannot
/// be set is logged.
void become_fresh(Log& log, const std::string& hostname, Permissions permissions);

}  // namespace dboot
