#include "injector/forecast/mounts.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace dboot::forecast {
namespace {

bool has_a_server(std::string_view type) {
  constexpr std::array<std::string_view, 13> types{
      "nfs",    "nfs4",      "cifs",  "smb3", "ceph",    "9p",      "afs",
      "lustre", "glusterfs", "ncpfs", "fuse", "fuseblk", "virtiofs"};
  return type.starts_with("fuse.") || std::find(types.begin(), types.end(), type) != types.end();
}

bool lies_in_one(const std::vector<std::string>& directories, const std::string& path) {
  const auto holds = [&](const std::string& directory) {
    return path == directory || path.starts_with(directory + '/');
  };
  return std::any_of(directories.begin(), directories.end(), holds);
}

}  // namespace

Mounts mounts_of(const MountTable& table) {
  Mounts mounts;
  mounts.count = table.size();
  std::set<dev_t> seen;
  for (const auto& mount : table) {
    if (!seen.insert(mount.device).second) continue;
    if (has_a_server(mount.type)) mounts.remote.push_back({mount.type, mount.mount_point});
    const bool in_memory = mount.type == "tmpfs" || mount.type == "ramfs";
    if (in_memory && !lies_in_one(mounts.lost, mount.mount_point))
      mounts.lost.push_back(mount.mount_point);
  }
  return mounts;
}

}  // namespace dboot::forecast
