#include "payload/release/write_back.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "payload/children/blocking.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

/// One that another mount hides is written back when it is unmounted.
void sync_filesystem(const Mount& mount, const blocking::Report& report) {
  const UniqueFd fd(
      ::open(mount.mount_point.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_dev != mount.device) return;
  report.call("syncfs", mount.mount_point, ::syncfs(fd.get()) == 0 ? 0 : errno);
}

void sync_disks(const blocking::Report& report) {
  std::set<dev_t> seen;
  for (const auto& mount : read_mount_table()) {
    if (lies_on_disk(mount) && seen.insert(mount.device).second) sync_filesystem(mount, report);
  }
}

Task<> sync_in_child(Log& log, Children& children, std::string what, std::chrono::seconds patience,
                     blocking::Work work) {
  auto child = blocking::run(children, what, patience, std::move(work));
  const auto outcome = co_await std::move(child);
  blocking::note_call(log, what, "", outcome);
  if (!outcome.finished()) log.error("not synced", {{"what", what}, {"reason", outcome.error}});
}

}  // namespace

Task<> write_disks_back(Log& log, Children& children, Permissions permissions) {
  if (!permissions.allows(Action::sync)) co_return;
  blocking::Work work = sync_disks;
  auto syncing = sync_in_child(log, children, "sync disks", 2min, std::move(work));
  co_await std::move(syncing);
}

Task<> write_all_back(Log& log, Children& children, Permissions permissions) {
  if (!permissions.allows(Action::sync)) co_return;
  blocking::Work work = [](const blocking::Report&) { ::sync(); };
  auto syncing = sync_in_child(log, children, "sync", 10s, std::move(work));
  co_await std::move(syncing);
}

}  // namespace dboot
