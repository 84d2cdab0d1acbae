#include "payload/phases/release.hpp"

#include <unistd.h>

#include "payload/release/loop.hpp"
#include "payload/release/mounts.hpp"
#include "payload/release/swap.hpp"
#include "payload/release/write_back.hpp"
#include "payload/system/new_root.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/layout.hpp"

namespace dboot {
namespace {

/// A loop device's file is in use by the kernel until the device is detached, and a loop device
/// until what is mounted from it is gone: round after round, until one achieves nothing.
Task<std::size_t> release_rounds(const DeviceNodes& devices, Permissions permissions) {
  std::size_t unmounted = 0;
  for (std::size_t detached = 1; detached != 0;) {
    auto unmounting = mounts::unmount_below(layout::old_root);
    unmounted += co_await std::move(unmounting);
    auto detaching = loop::detach_all(devices, permissions);
    detached = co_await std::move(detaching);
  }
  co_return unmounted;
}

}  // namespace

Task<> release_old_root(const DeviceNodes& devices, Permissions permissions,
                        Terminator& terminator) {
  auto swapoff = swap::detach_all(permissions);
  co_await std::move(swapoff);
  permissions.allows_logged(Action::detach_loop);
  auto rounds = release_rounds(devices, permissions);
  std::size_t unmounted = co_await std::move(rounds);
  auto ending = terminator.end_storage_daemons();
  if (co_await std::move(ending)) {
    auto again = release_rounds(devices, permissions);
    unmounted += co_await std::move(again);
  }
  const auto left = unmount_order(mounts::current(), layout::old_root).size();
  log::info("unmounted", {{"mounts", unmounted}, {"left", left}});
  if (left != 0) {
    co_await mounts::give_up_on(layout::old_root, permissions);
    co_await loop::detach_all(devices, permissions);
  }
  co_await sync_disks(permissions);
  if (::rmdir(layout::old_root) != 0) log::warning("the old root's mount point stays");
}

}  // namespace dboot
