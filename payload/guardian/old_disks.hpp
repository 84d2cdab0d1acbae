#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/system/unique_fd.hpp"

/// Whether the system on the old disks can still be started: what a boot needs of them is compared
/// with what it was when they were let go of.
namespace dboot::guardian {

/// A disk or a partition, and what a boot needs of it.
struct Mark {
  std::string device;  ///< its name in sysfs: "vda1"
  std::string what;  ///< equal as long as nothing has changed; "unknown: …" where it was not read

  bool operator==(const Mark&) const = default;
};

/// Those of the disks that these devices lie on, with all partitions; not what is stacked on them
/// and gone by now (LVM, LUKS, md). In the order of their names.
std::vector<std::string> devices_to_mark(const std::vector<std::string>& in_use);

/// Opens a device for reading, by its name below /dev.
using Open = std::function<UniqueFd(const std::string& node)>;

/// Of one of `devices`. Reads past all caches, for which disks may take their time: for a child.
/// The partition table and the boot loader in front of the first partition; of a partition the
/// superblock (see superblock_of()), else its first sector, or all of one that is small. "gone"
/// where there is no such device any more.
Mark mark(const std::string& device, const std::vector<std::string>& devices, const Open& open);

/// Waits until what was written to the device, by itself and past any filesystem, is on it. For a
/// child.
void flush(const std::string& device, const Open& open) noexcept;

/// A line each, and the other way round.
std::string encode(const std::vector<Mark>& marks);
std::vector<Mark> decode(std::string_view text);

/// Those whose mark is another one now. What was not known before, or is not now, is not among
/// them. Pure.
std::vector<std::string> changed(const std::vector<Mark>& before, const std::vector<Mark>& now);

/// How often these have been written to, or discarded from, since they are there
/// (Documentation/block/stat.rst); not what has yet to be written. Never waits.
std::uint64_t writes_to(const std::vector<std::string>& devices);

/// Whether the kernel counts that for each of them (queue/iostats).
bool are_counted(const std::vector<std::string>& devices);

}  // namespace dboot::guardian
