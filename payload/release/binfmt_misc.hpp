#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Unregisters the interpreters of binary formats (Documentation/admin-guide/binfmt-misc.rst):
/// their paths are the old system's, and with the flag F they hold its filesystem busy.
Task<> clear_binfmt_misc(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
