#include "injector/engine/mounted_container.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "injector/engine/overlay_storage.hpp"
#include "injector/unpack/beneath.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

/// What engines mount containers as. Others are not touched: an automount point would be triggered,
/// a dead server waited for.
bool may_be_container(const Mount& mount) {
  constexpr std::array<std::string_view, 5> types{"overlay", "btrfs", "zfs", "ext4", "xfs"};
  return std::find(types.begin(), types.end(), mount.type) != types.end();
}

bool was_there(const MountTable& before, const Mount& mount) {
  return std::any_of(before.begin(), before.end(), [&](const Mount& old) {
    // IDs are used again.
    return old.id == mount.id && old.mount_point == mount.mount_point && old.device == mount.device;
  });
}

}  // namespace

MountTable mounts_of(pid_t process) {
  return parse_mount_table(
      sys::read_file_or_empty("/proc/" + std::to_string(process) + "/mountinfo"));
}

UniqueFd open_mounted_container(pid_t process, const MountTable& before,
                                const std::string& marker) {
  const UniqueFd root = open_root_of(process);
  for (const auto& mount : mounts_of(process)) {
    if (!may_be_container(mount) || was_there(before, mount)) continue;
    UniqueFd fd = rootfs::try_open_beneath(root.get(), mount.mount_point, O_RDONLY | O_DIRECTORY);
    struct stat status {};
    if (!fd || ::fstatat(fd.get(), marker.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    // Made by the container's root: where that is somebody else here, so are all its files' owners.
    if (status.st_uid != 0) throw StorageOutOfReach("the container's owners are mapped");
    return fd;
  }
  throw StorageOutOfReach("the container is not seen mounted");
}

}  // namespace dboot::image
