#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/devices/device_graph.hpp"
#include "shared/devices/lasting.hpp"

namespace dboot::forecast {

/// A block device between a use and its disk.
struct Layer {
  std::string device;       ///< the name of its node below /dev
  std::string mapped_name;  ///< below /dev/mapper; empty for others

  /// "dm-0 (vg-root)".
  std::string text() const;
};

/// A filesystem that is mounted, or a swap area.
struct DiskUse {
  std::string what;           ///< "ext4", "swap"
  std::string where;          ///< the first mount point, or the area's path
  std::vector<Layer> layers;  ///< from what it lies on directly down to the disk
  bool is_kept = false;       ///< the new system has it, too

  /// "ext4 on /: dm-0 (vg-root) on vda2 on vda".
  std::string text() const;
};

/// What lies on a disk, whether or not something uses it.
struct Stacked {
  Layer layer;
  std::string_view kind;  ///< "device mapper", "md", "bcache", "drbd"
  std::string to_end_it;  ///< a command; empty for what the takeover takes apart

  /// "dm-0 (vg-root), device mapper"; "bcache0, bcache (to end it: …)".
  std::string text() const;
};

struct Disk {
  std::string name;
  std::vector<DiskUse> uses;
  std::vector<Stacked> taken_apart;
  std::vector<Stacked> kept_by;       ///< what does not end with the old system
  std::optional<Lasting> connection;  ///< to where the disk is: that lasts, too

  /// The new system uses it.
  bool is_kept() const noexcept;
  bool is_released() const noexcept { return kept_by.empty() && !is_kept(); }
};

struct Disks {
  std::vector<Disk> disks;         ///< that something uses or keeps
  std::vector<DiskUse> elsewhere;  ///< a zfs, say: no layer of it is known
};

/// What becomes of each disk: a use goes, and what is stacked on partitions or disks is
/// taken apart, or stays. `kept`: the numbers of mounts that the new system has, too.
Disks disks_of(const DeviceGraph& graph, const std::set<int>& kept = {});

/// Why not all of them would come free; empty when they would, as far as that can be known.
std::string reason_for_busy_disks(const Disks& disks);

}  // namespace dboot::forecast
