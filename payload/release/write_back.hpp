#pragma once

#include "payload/permissions.hpp"
#include "payload/task.hpp"

namespace dboot {

/// Writes every filesystem of the machine back, for two minutes at most.
Task<> sync_disks(Permissions permissions);

}  // namespace dboot
