#include "payload/phases/release.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>

#include "payload/devices/stale_links.hpp"
#include "payload/guardian/note.hpp"
#include "payload/release/binfmt_misc.hpp"
#include "payload/release/device_mapper.hpp"
#include "payload/release/kept_mounts.hpp"
#include "payload/release/kernel_helpers.hpp"
#include "payload/release/keyrings.hpp"
#include "payload/release/loop.hpp"
#include "payload/release/md.hpp"
#include "payload/release/mounts.hpp"
#include "payload/release/nfs_server.hpp"
#include "payload/release/stack.hpp"
#include "payload/release/swap.hpp"
#include "payload/release/write_back.hpp"
#include "payload/release/zram.hpp"
#include "payload/system/new_root.hpp"
#include "shared/devices/device_graph.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/mount_table.hpp"

namespace dboot::phases {
namespace {

void change_root(Context& context) {
  make_mounts_private(context.log);
  const NewRoot new_root(context.log, context.directory, context.devices, context.permissions);
  new_root.pivot();
  new_root.mount_all();
}

/// As found.
void note_mounts(Log& log) {
  if (!log.has(Log::Level::trace)) return;
  for (const auto& mount : read_mount_table()) {
    log.trace("mount found", {{"id", mount.id},
                              {"parent", mount.parent},
                              {"mount", mount.mount_point},
                              {"type", mount.type},
                              {"source", mount.source},
                              {"options", mount.options}});
  }
}

/// What is kept lies on, which is to be asked before its mounts and files have other names.
std::set<std::string> devices_to_keep(const std::vector<std::string>& mount_points) {
  if (mount_points.empty()) return {};
  const DeviceGraph graph(read_storage());
  return graph.devices_below(moved_along(read_mount_table(), mount_points));
}

Task<> release_old_root(Context& context, const std::set<std::string>& kept) {
  auto& log = context.log;
  auto& children = context.children;
  const auto permissions = context.permissions;
  Swap swap(log, children, permissions);
  Mounts mounts(log, children, permissions, layout::old_root);
  Stack loops(loop_devices, log, children, context.devices, permissions, kept);
  Stack mappings(device_mapper, log, children, context.devices, permissions, kept);
  Stack arrays(md_arrays, log, children, context.devices, permissions, kept);
  Stack compressed(zram, log, children, context.devices, permissions, kept);

  const std::array<Releaser*, 6> in_rounds{&swap, &mounts, &loops, &mappings, &arrays, &compressed};
  co_await release_in_rounds(log, in_rounds);
  // A step each for what still keeps something.
  co_await stop_nfs_server(log, children, permissions);
  if (mounts.spare_no_server()) co_await release_in_rounds(log, in_rounds);
  // Who keeps a filesystem alive may do so for one that is kept.
  if (kept.empty()) {
    auto ending = context.terminator.end_storage_daemons();
    if (co_await std::move(ending)) co_await release_in_rounds(log, in_rounds);
  }
  auto settling = mounts.settle_servers();
  if (co_await std::move(settling)) co_await release_in_rounds(log, in_rounds);

  for (auto* releaser : in_rounds) {
    auto releasing = releaser->release(Round::last);
    co_await std::move(releasing);
  }
}

}  // namespace

Task<> release(Context& context) {
  auto& log = context.log;
  const auto permissions = context.permissions;
  note_mounts(log);
  co_await context.proof.look();
  co_await leave_note(log, context.children, permissions, context.plan);
  co_await clear_binfmt_misc(log, context.children, permissions);
  co_await reset_kernel_helpers(log, context.children, permissions);
  const auto kept = devices_to_keep(context.plan.kept_mounts);
  change_root(context);
  co_await context.disk_log.let_go();
  co_await carry_mounts_over(log, context.children, context.plan.kept_mounts);
  co_await release_old_root(context, kept);
  co_await write_all_back(log, context.children, permissions, std::chrono::seconds(10));
  const int removed = ::rmdir(layout::old_root) == 0 ? 0 : errno;
  log.call("rmdir", layout::old_root, removed);
  if (removed != 0)
    log.warning("the old root's mount point stays", {{"reason", std::strerror(removed)}});
  co_await remove_stale_links(log, context.children, context.devices, permissions);
  co_await clear_keyrings(log, context.children, permissions);
  auto giving = context.proof.give(kept);
  const auto busy = co_await std::move(giving);
  co_await context.guardian.mark_disks(context.proof.devices(kept));
  if (context.plan.require_release && !busy.empty())
    throw std::runtime_error("not all disks are free, as --require-release asks for: " + busy);
}

}  // namespace dboot::phases
