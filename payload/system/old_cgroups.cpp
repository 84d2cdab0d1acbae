#include "payload/system/old_cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "payload/system/blocking.hpp"
#include "shared/log/log.hpp"
#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// The groups in `parent` that are not empty stay; the rest goes, the innermost first.
std::size_t remove_groups(int parent) {
  std::size_t removed = 0;
  const int own = ::openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(own), &::closedir);
  if (!directory) return 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    const UniqueFd group(::openat(own, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (group) removed += remove_groups(group.get());
    if (::unlinkat(own, name.c_str(), AT_REMOVEDIR) == 0) ++removed;
  }
  return removed;
}

}  // namespace

Task<> leave_old_cgroups(Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows_logged(Action::leave_cgroup)) co_return;
  blocking::Work work = [](const blocking::Report& report) {
    const UniqueFd root = detached_mount::make("cgroup2");
    const UniqueFd processes = sys::open_at(root.get(), "cgroup.procs", O_WRONLY);
    sys::write_all(processes.get(), "1");
    report.write(std::to_string(remove_groups(root.get())));
  };
  auto child = blocking::run("leave the old cgroups", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (outcome.finished()) {
    log::info("moved to the root cgroup", {{"removed", outcome.text}});
  } else {
    log::warning("old cgroups stay", {{"reason", outcome.error}});
  }
}

}  // namespace dboot
