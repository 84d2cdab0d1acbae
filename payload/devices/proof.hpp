#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/proc/mount_table.hpp"

/// Shows that the old system's disks are free.
namespace dboot::proof {

/// A block device that the old system used.
struct Disk {
  dev_t device = 0;
  std::string name;  ///< below /dev
  std::string use;   ///< "ext4 on /", "swap"
};

/// The block devices of a mount table, each once, named for the first mount. What has no block
/// device of its own (0:N) is left out. Names are still empty.
std::vector<Disk> of_mounts(const MountTable& table);

/// What backs mounts and swap areas now, with names, and the whole disks that they are partitions
/// of. To be called before the release.
std::vector<Disk> collect(Permissions permissions);

/// Opens each with O_EXCL, which the kernel refuses while anything in it uses the device, and logs
/// "released" or "still busy". The number of busy ones.
Task<std::size_t> check(std::vector<Disk> disks, const DeviceNodes& devices,
                        Permissions permissions);

}  // namespace dboot::proof
