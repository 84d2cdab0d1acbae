#pragma once

#include <chrono>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/proc/mount_table.hpp"

namespace dboot {

/// Writes a filesystem back (syncfs(2)), for two minutes at most. False when that was not tried:
/// its mount is hidden by another one.
Task<bool> write_filesystem_back(Log& log, Children& children, const Mount& mount);

/// Writes the mounted filesystems that lie on disks back, one by one (syncfs(2)), each for two
/// minutes at most: one that does not answer keeps no other.
Task<> write_disks_back(Log& log, Children& children, Permissions permissions);

/// Writes every filesystem of the machine back (sync(2)), mounted or not. All of them begin at
/// once; a server that does not answer is waited for as long as `patience`.
Task<> write_all_back(Log& log, Children& children, Permissions permissions,
                      std::chrono::seconds patience);

}  // namespace dboot
