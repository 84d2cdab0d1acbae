#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Writes every filesystem of the machine back (sync(2)), for two minutes at most.
Task<> write_back(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
