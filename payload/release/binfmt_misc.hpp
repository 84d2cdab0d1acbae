#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Binaries registered with the flag F hold their interpreter's filesystem busy: unregisters them
/// (Documentation/admin-guide/binfmt-misc.rst), as long as the old binfmt_misc is mounted.
Task<> clear_binfmt_misc(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
