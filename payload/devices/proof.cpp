#include "payload/devices/proof.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "payload/release/mounts.hpp"
#include "payload/release/swap.hpp"
#include "payload/system/blocking.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::proof {
namespace {

namespace fs = std::filesystem;

std::string sysfs_path(dev_t device) {
  return "/sys/dev/block/" + std::to_string(major(device)) + ':' + std::to_string(minor(device));
}

/// From the lines KEY=value of uevent.
std::string device_name(const fs::path& sysfs) {
  const auto uevent = "\n" + sys::read_file_or_empty(sysfs / "uevent");
  constexpr std::string_view key = "\nDEVNAME=";
  const auto at = uevent.find(key);
  if (at == std::string::npos) return "";
  const auto start = at + key.size();
  return uevent.substr(start, uevent.find('\n', start) - start);
}

/// Comma separated; what is stacked on a device (device mapper, md) has a link there.
std::string holders(const Disk& disk) {
  std::string names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(sysfs_path(disk.device) + "/holders", none)) {
    if (!names.empty()) names += ',';
    names += entry.path().filename();
  }
  return names.empty() ? "unknown" : names;
}

void add(std::vector<Disk>& disks, Disk disk) {
  const auto same = [&](const Disk& other) { return other.device == disk.device; };
  if (std::none_of(disks.begin(), disks.end(), same)) disks.push_back(std::move(disk));
}

void add_swap_areas(std::vector<Disk>& disks) {
  for (const auto& path : swap::parse(sys::read_file_or_empty("/proc/swaps"))) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode))
      add(disks, {status.st_rdev, "", "swap"});
  }
}

/// A partition's directory lies in its disk's.
void add_whole_disks(std::vector<Disk>& disks) {
  const auto partitions = disks;
  for (const auto& partition : partitions) {
    std::error_code error;
    const auto path = fs::canonical(sysfs_path(partition.device), error);
    if (error || !fs::exists(path / "partition", error)) continue;
    unsigned major_number = 0;
    unsigned minor_number = 0;
    const auto numbers = sys::read_file_or_empty(path.parent_path() / "dev");
    if (std::sscanf(numbers.c_str(), "%u:%u", &major_number, &minor_number) != 2) continue;
    add(disks, {makedev(major_number, minor_number), "", "disk of " + partition.use});
  }
}

Task<bool> is_free(std::string name, const DeviceNodes& devices, std::string& reason) {
  using namespace std::chrono_literals;
  blocking::Work work = [&](const blocking::Report&) {
    devices.open(name, O_RDONLY | O_EXCL | O_NONBLOCK);
  };
  auto child = blocking::run("open " + name, 5s, std::move(work), {devices.mount()});
  const auto outcome = co_await std::move(child);
  reason = outcome.error;
  co_return outcome.finished();
}

}  // namespace

std::vector<Disk> of_mounts(const MountTable& table) {
  std::vector<Disk> disks;
  for (const auto& mount : table) {
    if (major(mount.device) != 0)
      add(disks, {mount.device, "", mount.type + " on " + mount.mount_point});
  }
  return disks;
}

std::vector<Disk> collect(Permissions permissions) {
  if (!permissions.allows_logged(Action::open_disks)) return {};
  auto disks = of_mounts(mounts::current());
  add_swap_areas(disks);
  add_whole_disks(disks);
  for (auto& disk : disks) disk.name = device_name(sysfs_path(disk.device));
  std::erase_if(disks, [](const Disk& disk) { return disk.name.empty(); });
  return disks;
}

Task<std::size_t> check(std::vector<Disk> disks, const DeviceNodes& devices,
                        Permissions permissions) {
  if (!permissions.allows(Action::open_disks)) co_return 0;
  std::size_t busy = 0;
  for (const auto& disk : disks) {
    std::string reason;
    auto opening = is_free(disk.name, devices, reason);
    if (co_await std::move(opening)) {
      log::info("released", {{"device", "/dev/" + disk.name}, {"was", disk.use}});
      continue;
    }
    ++busy;
    log::error("still busy", {{"device", "/dev/" + disk.name},
                              {"was", disk.use},
                              {"held_by", holders(disk)},
                              {"reason", reason}});
  }
  co_return busy;
}

}  // namespace dboot::proof
