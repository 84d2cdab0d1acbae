#pragma once

#include <string>
#include <string_view>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"

namespace dboot {

/// Where the plan wants the new system confirmed: leaves a note in the old one, before its disk is
/// let go of, for whoever logs in to it when the machine has come back. A child writes it, for a
/// disk may not answer. Without /etc/profile.d, and where that cannot be written, there is none,
/// and the log says so.
Task<> leave_note(Log& log, Children& children, Permissions permissions, const Plan& plan);

/// What is read by the shells of logins: says that the machine has come back and, as far as the
/// kernel has kept its log over the reboot, why; root's login removes it. `time`: of the takeover,
/// in UTC. Pure.
std::string note_of_return(std::string_view time);

}  // namespace dboot
