#include "payload/release/kept_mounts.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>

#include "payload/children/blocking.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// No link of the image is followed.
void move_to_new_root(const std::string& from, const std::string& to) {
  const UniqueFd root = sys::open("/", O_PATH | O_DIRECTORY);
  const UniqueFd place = sys::try_open_at2(root.get(), to.substr(1), O_PATH | O_DIRECTORY, 0,
                                           RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (!place) sys::fail(errno, {"open ", to, " of the new root"});
  sys::check(::move_mount(AT_FDCWD, from.c_str(), place.get(), "", MOVE_MOUNT_T_EMPTY_PATH),
             "move ", from, " to ", to);
}

}  // namespace

Task<> carry_mounts_over(Log& log, Children& children,
                         const std::vector<std::string>& mount_points) {
  using namespace std::chrono_literals;
  for (const auto& mount_point : mount_points) {
    blocking::Work work = [&](const blocking::Report&) {
      move_to_new_root(layout::old_root + mount_point, mount_point);
    };
    // On the way to it a server may be asked.
    auto child = blocking::run(children, "move " + mount_point, 10s, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(log, "move_mount", mount_point, outcome);
    if (outcome.finished()) {
      log.info("mount kept", {{"mount", mount_point}});
    } else {
      log.error("mount not kept", {{"mount", mount_point}, {"reason", outcome.error}});
    }
  }
}

}  // namespace dboot
