#pragma once

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Removes names of devices that are gone (/dev/vg/root, /dev/disk/by-uuid/…), which udev would
/// have removed: links that lead nowhere below /dev, and directories that held nothing else.
Task<> remove_stale_links(Log& log, Children& children, const DeviceNodes& devices,
                          Permissions permissions);

}  // namespace dboot
