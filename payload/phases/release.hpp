#pragma once

#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/processes/terminator.hpp"
#include "payload/task.hpp"

namespace dboot {

/// Lets go of everything that lies at layout::old_root, and of what kept it busy: swap areas,
/// loop devices, root's storage daemons. What cannot be released is named and detached.
Task<> release_old_root(const DeviceNodes& devices, Permissions permissions,
                        Terminator& terminator);

}  // namespace dboot
