#pragma once

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/release/stack.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Mappings: volumes of LVM, LUKS, multipath (linux/dm-ioctl.h). Never removed deferred: that would
/// be no progress, and hide what is busy.
extern const StackKind device_mapper;

/// Has every mapping answer, so that nothing waits for it for ever: resumes those that are
/// suspended, and has those of multipath fail where no path is left.
Task<> make_mappings_answer(Log& log, Children& children, const DeviceNodes& nodes,
                            Permissions permissions);

}  // namespace dboot
