#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/devices/storage.hpp"

namespace dboot {

/// Who uses which block device, and what lies on what: partitions on disks, device mapper and md on
/// their slaves, a loop device on the devices of the filesystem that its file is in.
class DeviceGraph {
 public:
  enum class Kind : std::uint8_t { filesystem, swap };

  /// A filesystem that is mounted, or a swap area.
  struct Use {
    Kind kind = Kind::filesystem;
    std::string type;                  ///< "ext4"; "swap"
    std::string where;                 ///< the first mount point, or the area's path
    std::vector<std::string> devices;  ///< on which it lies; more than one for a btrfs
    /// "ext4 on /", "swap".
    std::string text() const;
  };

  /// A device below a use.
  struct DeviceInUse {
    std::string name;
    std::string use;  ///< "ext4 on /", "below ext4 on /"
  };

  explicit DeviceGraph(Storage storage);

  /// Those that lie on devices, each filesystem once; and pools (zfs) whose devices are not known.
  const std::vector<Use>& uses() const noexcept { return uses_; }

  /// The names of all devices, in use or not.
  std::vector<std::string> devices() const;
  /// By its name; null when there is no such device.
  const BlockDevice* find(std::string_view name) const;

  /// Every device that is in use, once: those that are used themselves, then what they lie on, then
  /// what is stacked and in no use, and what that lies on.
  std::vector<DeviceInUse> devices_in_use() const;

  /// By which a user of a device is known.
  struct Traces {
    std::set<dev_t> numbers;         ///< of it, of its partitions, of the filesystems on them
    std::set<std::uint64_t> mounts;  ///< of these (statx(2), STATX_MNT_ID)
  };
  Traces traces(std::string_view name) const;

  /// What lies on others, whether or not it is used: mappings, arrays, caches, loop devices.
  std::vector<std::string> stacked() const;

  /// What the device lies on directly.
  std::vector<std::string> below(std::string_view name) const;
  /// Those that a mounted filesystem lies on directly; of an overlay, those of its directories.
  std::vector<std::string> devices_of(const Mount& mount) const;
  /// What the mounts with these numbers lie on, down to the disks; with snapshots of LVM, which
  /// must not be taken apart as long as somebody writes to their origin.
  std::set<std::string> devices_below(const std::set<int>& mounts) const;
  /// Who keeps the device: stacked devices, mount points, "swap"; of its partitions, too.
  std::vector<std::string> holders(std::string_view name) const;
  /// The same with commas between them; "unknown" when there are none.
  std::string holders_text(std::string_view name) const;

  /// "dm-0 (vg-root) on vda2 on vda".
  std::string chain(std::string_view name) const;

 private:
  const BlockDevice* find(dev_t number) const;
  /// By its path below /dev.
  const BlockDevice* find_node(std::string_view path) const;
  std::vector<std::string> devices_of_directories(const Mount& overlay) const;
  /// Those of the filesystem that a file is in.
  std::vector<std::string> devices_of_file(std::string_view path) const;
  std::vector<std::string> devices_of_area(std::string_view path) const;
  std::string chain(const std::string& name, std::vector<std::string>& way) const;
  void add_filesystems();
  void add_swap_areas();

  Storage storage_;
  std::vector<Use> uses_;
};

/// The name of its node below /dev (sysfs has '!' for '/').
std::string node_of(std::string name);

}  // namespace dboot
