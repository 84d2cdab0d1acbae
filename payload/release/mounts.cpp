#include "payload/release/mounts.hpp"

#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "payload/system/blocking.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::mounts {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Measured: up to 32 ms after an io_uring user was reaped.
constexpr auto busy_is_final_after = 250ms;
constexpr int pause_between_rounds_ms = 5;
constexpr auto for_one_batch = 60s;
constexpr auto for_one_filesystem = 20s;

/// Everything at once: a process for each of thousands of mounts would take seconds.
std::size_t unmount_round(const std::string& directory) {
  std::size_t gone = 0;
  for (const auto& mount : unmount_order(current(), directory)) {
    if (::umount2(mount.mount_point.c_str(), UMOUNT_NOFOLLOW) == 0) ++gone;
  }
  return gone;
}

void unmount_in_rounds(const std::string& directory, const blocking::Report& report) {
  auto last_progress = Clock::now();
  while (!unmount_order(current(), directory).empty()) {
    if (const auto gone = unmount_round(directory); gone != 0) {
      report.write(std::to_string(gone) + '\n');
      last_progress = Clock::now();
    } else if (Clock::now() - last_progress > busy_is_final_after) {
      return;
    } else {
      ::poll(nullptr, 0, pause_between_rounds_ms);
    }
  }
}

/// A FUSE server that was killed, an NFS server that is away: one dead filesystem must not keep the
/// others.
Task<std::size_t> unmount_one_by_one(std::string directory) {
  std::size_t gone = 0;
  for (const auto& mount : unmount_order(current(), directory)) {
    blocking::Work work = [&mount](const blocking::Report&) {
      sys::check(::umount2(mount.mount_point.c_str(), UMOUNT_NOFOLLOW), "umount ",
                 mount.mount_point);
    };
    auto child = blocking::run("umount " + mount.mount_point, for_one_filesystem, std::move(work));
    const auto outcome = co_await std::move(child);
    if (outcome.finished()) ++gone;
    if (outcome.end == blocking::Outcome::End::late)
      log::warning("unmount hangs", {{"mount", mount.mount_point}, {"type", mount.type}});
  }
  co_return gone;
}

}  // namespace

MountTable current() {
  return parse_mount_table(sys::read_file("/proc/self/mountinfo"));
}

Task<std::size_t> unmount_below(std::string directory) {
  blocking::Work work = [&](const blocking::Report& report) {
    unmount_in_rounds(directory, report);
  };
  auto child = blocking::run("unmount", for_one_batch, std::move(work));
  const auto outcome = co_await std::move(child);
  std::size_t gone = 0;
  std::istringstream counts(outcome.text);
  for (std::size_t count = 0; counts >> count;) gone += count;
  if (outcome.end == blocking::Outcome::End::late) {
    log::warning("unmount in one batch hangs, going on one by one");
    auto rest = unmount_one_by_one(directory);
    gone += co_await std::move(rest);
  }
  co_return gone;
}

Task<> give_up_on(std::string directory, Permissions permissions) {
  const bool read_only = permissions.allows(Action::change_filesystem);
  for (const auto& mount : unmount_order(current(), directory)) {
    blocking::Work work = [&](const blocking::Report&) {
      const char* path = mount.mount_point.c_str();
      if (read_only) ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
      sys::check(::umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW), "detach ", path);
    };
    auto child = blocking::run("detach " + mount.mount_point, for_one_filesystem, std::move(work));
    const auto outcome = co_await std::move(child);
    log::warning("still busy, detached", {{"mount", mount.mount_point},
                                          {"type", mount.type},
                                          {"source", mount.source},
                                          {"result", outcome.finished() ? "ok" : outcome.error}});
  }
}

Task<> clear_binfmt_misc(const MountTable& table, Permissions permissions) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [](const Mount& mount) { return mount.type == "binfmt_misc"; });
  if (found == table.end() || !permissions.allows_logged(Action::change_filesystem)) co_return;
  const std::string status = found->mount_point + "/status";
  blocking::Work work = [&status](const blocking::Report&) { sys::write_file(status, "-1"); };
  auto child = blocking::run("clear binfmt_misc", 2s, std::move(work));
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) log::warning("binfmt_misc stays", {{"reason", outcome.error}});
}

}  // namespace dboot::mounts
