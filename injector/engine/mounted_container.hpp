#pragma once

#include <sys/types.h>

#include <string>

#include "shared/proc/mount_table.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// The mounts that a process sees; none when it cannot be told.
MountTable mounts_of(pid_t process);

/// The root of a container that an engine is just exporting, and has mounted for that: whatever its
/// storage is, containerd's snapshots included, this is what the export is made from, and it can be
/// read by several threads and with everything that an export drops. It stays mounted as long as
/// nobody reads the export.
///
/// `before` are the mounts of `process` (as for open_storage) before the export began, `marker` the
/// name of a directory in the container's root that no other has. Throws StorageOutOfReach.
UniqueFd open_mounted_container(pid_t process, const MountTable& before, const std::string& marker);

}  // namespace dboot::image
