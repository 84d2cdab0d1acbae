#pragma once

#include <cstddef>

#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"

namespace dboot::loop {

/// Lets loop devices go that have a backing file; a file that backs one holds its filesystem. The
/// number of devices that went.
Task<std::size_t> detach_all(const DeviceNodes& devices, Permissions permissions);

}  // namespace dboot::loop
