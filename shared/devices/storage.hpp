#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "shared/proc/mount_table.hpp"

namespace dboot {

/// A block device, as sysfs describes it (Documentation/ABI/stable/sysfs-block).
struct BlockDevice {
  std::string name;  ///< "vda1", "dm-0", "cciss!c0d0"
  dev_t number = 0;
  std::string disk;                 ///< the one that it is a partition of; empty for others
  std::vector<std::string> slaves;  ///< what device mapper or md has put it on
  std::string backing_file;         ///< of a loop device, relative to the reader's root
  std::string mapped_name;          ///< below /dev/mapper; empty for others
  std::string iscsi_session{};      ///< the number of that to its target; empty for others
  bool is_connected = false;        ///< a disk of nbd or rbd: to its server
};

/// What the kernel says about block devices and who uses them.
struct Storage {
  std::vector<BlockDevice> devices;
  std::vector<std::vector<std::string>> volumes;  ///< names of the devices of each btrfs
  MountTable mounts;
  MountTable elsewhere;              ///< see add_other_namespaces()
  std::vector<std::string> swaps;    ///< paths of areas, see parse_swaps()
  std::vector<std::string> pools{};  ///< of ZFS, imported; on devices that nothing here tells
};

/// Those that there are now; none where there is no sysfs.
std::vector<BlockDevice> read_block_devices();

/// As it is now, in the mount namespace of PROCESS, a pid or "self". Links below /dev are followed
/// in the sources of pools (see is_pool()) and in swap areas. Reads /sys, /proc and /dev, and never
/// a disk. Throws std::system_error when there is no mount table.
Storage read_storage(const std::string& process = "self");

/// Adds, as `elsewhere`, the filesystems on disks that are mounted in the mount namespaces of other
/// processes only. Their mount points say whose: "/srv of pid 812 (name)". For a child, see
/// blocking: whoever reads the mounts of a process that ends meanwhile may be the one to unmount
/// them.
void add_other_namespaces(Storage& storage);

}  // namespace dboot
