#pragma once

#include <string>

#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/proc/mount_table.hpp"

/// Unmounting the old system.
namespace dboot::mounts {

/// The mount table of this process. Throws std::system_error.
MountTable current();

/// Unmounts whatever can be unmounted at and below `directory`, in rounds, until a whole round
/// makes no progress for 250 ms: a filesystem may stay busy for tens of milliseconds after the last
/// process that used it has ended. The number of mounts that went.
Task<std::size_t> unmount_below(std::string directory);

/// What could not be unmounted: each is named, its filesystem made read-only (on a machine) and
/// detached lazily, so that it goes with its last user.
Task<> give_up_on(std::string directory, Permissions permissions);

/// Binaries registered with the flag F hold their interpreter's filesystem busy: unregisters them
/// (Documentation/admin-guide/binfmt-misc.rst).
Task<> clear_binfmt_misc(const MountTable& table, Permissions permissions);

}  // namespace dboot::mounts
