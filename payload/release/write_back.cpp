#include "payload/release/write_back.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>

#include "payload/children/blocking.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

/// Of a directory or a file; opening what else may be mounted would act on a device.
UniqueFd open_to_sync(const Mount& mount) {
  const UniqueFd path(::open(mount.mount_point.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct statx status {};
  if (!path || ::statx(path.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                       STATX_TYPE | STATX_MNT_ID, &status) != 0)
    return {};
  const bool is_hidden = status.stx_mnt_id != static_cast<std::uint64_t>(mount.id);
  if (is_hidden || (!S_ISDIR(status.stx_mode) && !S_ISREG(status.stx_mode))) return {};
  const auto link = "/proc/self/fd/" + std::to_string(path.get());
  return UniqueFd(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
}

/// Reports a dot when it is done. One that another mount hides is written back when it is
/// unmounted.
void sync_filesystem(const Mount& mount, const blocking::Report& report) {
  const UniqueFd fd = open_to_sync(mount);
  if (!fd) return;
  sys::check(::syncfs(fd.get()), "syncfs ", mount.mount_point);
  report.write(".");
}

}  // namespace

Task<bool> write_filesystem_back(Log& log, Children& children, const Mount& mount) {
  blocking::Work work = [&](const blocking::Report& report) { sync_filesystem(mount, report); };
  auto child = blocking::run(children, "sync " + mount.mount_point, 2min, std::move(work));
  const auto outcome = co_await std::move(child);
  if (outcome.finished() && outcome.text.empty()) co_return false;
  blocking::note_call(log, "syncfs", mount.mount_point, outcome);
  if (!outcome.finished())
    log.error("not synced", {{"what", mount.mount_point}, {"reason", outcome.error}});
  co_return true;
}

Task<> write_disks_back(Log& log, Children& children, Permissions permissions) {
  if (!permissions.allows(Action::sync)) co_return;
  std::set<dev_t> done;
  for (const auto& mount : read_mount_table()) {
    if (!lies_on_disk(mount) || done.contains(mount.device)) continue;
    auto writing = write_filesystem_back(log, children, mount);
    if (co_await std::move(writing)) done.insert(mount.device);
  }
}

Task<> write_all_back(Log& log, Children& children, Permissions permissions,
                      std::chrono::seconds patience) {
  if (!permissions.allows(Action::sync)) co_return;
  blocking::Work work = [](const blocking::Report&) { ::sync(); };
  auto child = blocking::run(children, "sync", patience, std::move(work));
  const auto outcome = co_await std::move(child);
  blocking::note_call(log, "sync", "", outcome);
  if (!outcome.finished())
    log.error("not synced", {{"what", "everything else"}, {"reason", outcome.error}});
}

}  // namespace dboot
