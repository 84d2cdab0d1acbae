#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Writes the mounted filesystems that lie on disks back, one by one (syncfs(2)), as long as one is
/// done within two minutes. No server is waited for.
Task<> write_disks_back(Log& log, Children& children, Permissions permissions);

/// Writes every filesystem of the machine back (sync(2)), mounted or not, for ten seconds at most.
Task<> write_all_back(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
