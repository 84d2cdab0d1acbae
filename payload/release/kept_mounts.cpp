#include "payload/release/kept_mounts.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>

#include "payload/children/blocking.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// No link is followed: one of the image, and one that somebody has made since the injector looked,
/// lead elsewhere.
UniqueFd open_below(const char* root, const std::string& path) {
  const UniqueFd directory = sys::open(root, O_PATH | O_DIRECTORY);
  auto found = sys::try_open_at2(directory.get(), path.substr(1), O_PATH | O_DIRECTORY, 0,
                                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (!found) sys::fail(errno, {"open ", path, " below ", root});
  return found;
}

void move_to_new_root(const std::string& path) {
  const auto from = open_below(layout::old_root, path);
  const auto to = open_below("/", path);
  constexpr unsigned by_descriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  sys::check(::move_mount(from.get(), "", to.get(), "", by_descriptors), "move the mount ", path);
}

}  // namespace

Task<> carry_mounts_over(Log& log, Children& children,
                         const std::vector<std::string>& mount_points) {
  using namespace std::chrono_literals;
  const auto table = read_mount_table();
  std::string failures;
  for (const auto& mount_point : mount_points) {
    blocking::Work work = [&](const blocking::Report&) { move_to_new_root(mount_point); };
    // On the way to it a server may be asked.
    auto child = blocking::run(children, "move " + mount_point, 10s, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(log, "move_mount", mount_point, outcome);
    if (outcome.finished()) {
      const auto* const mount = mounted_at(table, layout::old_root + mount_point);
      log.info("mount kept", {{"mount", mount_point},
                              {"type", mount == nullptr ? "unknown" : mount->type},
                              {"source", mount == nullptr ? "unknown" : mount->source}});
    } else {
      log.error("mount not kept", {{"mount", mount_point}, {"reason", outcome.error}});
      failures += (failures.empty() ? "" : "; ") + mount_point + " (" + outcome.error + ")";
    }
  }
  if (!failures.empty())
    throw std::runtime_error("not all mounts are kept, as --keep asks for: " + failures);
}

}  // namespace dboot
