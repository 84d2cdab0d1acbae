#include "injector/forecast/mounts.hpp"

#include <algorithm>
#include <set>

namespace dboot::forecast {
namespace {

/// Whether what is written to it goes with the memory.
bool is_in_memory(const Mount& mount, const MountTable& table) {
  if (mount.type == "tmpfs" || mount.type == "ramfs") return true;
  const auto upper = upper_directory(mount);
  if (upper.empty()) return false;
  const Mount* below = nullptr;
  for (const auto& other : table) {
    if (!lies_in(upper, other.mount_point) || other.id == mount.id) continue;
    // Of several on one another the last one is seen.
    if (below == nullptr || other.mount_point.size() >= below->mount_point.size()) below = &other;
  }
  return below != nullptr && (below->type == "tmpfs" || below->type == "ramfs");
}

/// Nothing of anybody's own lies there.
bool is_the_kernels(const std::string& mount_point) {
  return mount_point.starts_with("/sys/") || mount_point.starts_with("/proc/");
}

bool lies_in_one(const std::vector<std::string>& directories, const std::string& path) {
  // What lies on a root in memory is told apart all the same.
  const auto holds = [&](const std::string& directory) {
    return path == directory || (directory != "/" && lies_in(path, directory));
  };
  return std::any_of(directories.begin(), directories.end(), holds);
}

}  // namespace

Mounts mounts_of(const MountTable& table, const std::set<int>& kept) {
  Mounts mounts;
  std::set<dev_t> seen;
  for (const auto& mount : table) {
    if (kept.contains(mount.id)) continue;
    ++mounts.count;
    if (!seen.insert(mount.device).second) continue;
    if (has_a_server(mount.type)) mounts.remote.push_back({mount.type, mount.mount_point});
    if (is_in_memory(mount, table) && !is_the_kernels(mount.mount_point) &&
        !lies_in_one(mounts.lost, mount.mount_point))
      mounts.lost.push_back(mount.mount_point);
  }
  return mounts;
}

}  // namespace dboot::forecast
