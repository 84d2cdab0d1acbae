#include "payload/release/mounts.hpp"

#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "payload/children/blocking.hpp"
#include "shared/devices/storage.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/proc/swaps.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Measured: up to 32 ms after an io_uring user was reaped.
constexpr auto busy_is_final_after = 250ms;
constexpr int pause_between_rounds_ms = 5;
/// How long a batch may take for the next mount of it.
constexpr auto patience_with_a_batch = 60s;
constexpr auto patience_with_one = 20s;

/// Mounts, by their number.
using Hung = std::set<int>;

MountTable to_unmount(const std::string& directory, const Hung& hung) {
  auto mounts = unmount_order(read_mount_table(), directory);
  std::erase_if(mounts, [&](const Mount& mount) { return hung.contains(mount.id); });
  return mounts;
}

/// How many rounds a mount has been tried in, and why the last one failed.
struct Attempts {
  std::size_t rounds = 0;
  int error = 0;
};

void note(const Mount& mount, const Attempts& attempts, const blocking::Report& report) {
  auto record = log::of_call("umount2", mount.mount_point, attempts.error);
  record.facts.emplace_back("type", mount.type);
  record.facts.emplace_back("rounds", attempts.rounds);
  report.note(record);
}

/// Everything at once: a process for each of thousands of mounts would take seconds. A dot for each
/// that has gone.
bool unmount_each(const MountTable& mounts, std::map<int, Attempts>& attempts,
                  const blocking::Report& report) {
  bool progress = false;
  for (const auto& mount : mounts) {
    auto& tried = attempts[mount.id];
    ++tried.rounds;
    tried.error = ::umount2(mount.mount_point.c_str(), UMOUNT_NOFOLLOW) == 0 ? 0 : errno;
    if (tried.error != 0) continue;
    progress = true;
    report.write(".");
    note(mount, tried, report);
    attempts.erase(mount.id);  // the number may come again
  }
  return progress;
}

void unmount_in_rounds(const std::string& directory, const Hung& hung,
                       const blocking::Report& report) {
  auto last_progress = Clock::now();
  std::map<int, Attempts> attempts;
  for (;;) {
    const auto mounts = to_unmount(directory, hung);
    if (mounts.empty()) return;
    if (unmount_each(mounts, attempts, report)) {
      last_progress = Clock::now();
    } else if (Clock::now() - last_progress > busy_is_final_after) {
      for (const auto& mount : mounts) note(mount, attempts[mount.id], report);
      return;
    } else {
      ::poll(nullptr, 0, pause_between_rounds_ms);
    }
  }
}

/// What is seen to keep a filesystem busy: mounts on it, files of it that are loop devices or swap.
/// "unknown" where it is none of these: a process that survives, or a file that only the kernel
/// holds.
std::string holders_of(const Mount& mount, const MountTable& table) {
  std::string holders;
  const auto add = [&](const std::string& holder) {
    holders += (holders.empty() ? "" : ",") + holder;
  };
  const auto is_below = [&](const std::string& path) {
    return path.starts_with(mount.mount_point + '/');
  };
  for (const auto& other : table) {
    if (other.parent == mount.id) add("mount " + other.mount_point);
  }
  for (const auto& device : read_block_devices()) {
    if (is_below(device.backing_file)) add(device.name);
  }
  for (const auto& area : read_swaps()) {
    if (is_below(area)) add("swap " + area);
  }
  return holders.empty() ? "unknown" : holders;
}

void detach(const Mount& mount) {
  sys::check(::umount2(mount.mount_point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW), "detach ",
             mount.mount_point);
}

}  // namespace

Mounts::Mounts(Log& log, Children& children, Permissions permissions, std::string directory)
    : log_(log),
      children_(children),
      may_change_filesystems_(permissions.allows(Action::change_filesystem)),
      directory_(std::move(directory)) {}

/// A FUSE server that was killed, an NFS server that is away: one dead filesystem must not keep the
/// others.
Task<std::size_t> Mounts::unmount_one_by_one() {
  std::size_t gone = 0;
  for (const auto& mount : to_unmount(directory_, hung_)) {
    blocking::Work work = [&mount](const blocking::Report& report) {
      const int result = ::umount2(mount.mount_point.c_str(), UMOUNT_NOFOLLOW);
      note(mount, {1, result == 0 ? 0 : errno}, report);
      sys::check(result, "umount ", mount.mount_point);
    };
    auto child =
        blocking::run(children_, "umount " + mount.mount_point, patience_with_one, std::move(work));
    const auto outcome = co_await std::move(child);
    if (outcome.finished()) {
      ++gone;
    } else {
      log_.debug("not unmounted", {{"mount", mount.mount_point}, {"reason", outcome.error}});
    }
    if (outcome.end == blocking::Outcome::End::late) {
      hung_.insert(mount.id);
      log_.warning("unmount hangs", {{"mount", mount.mount_point}, {"type", mount.type}});
    }
  }
  co_return gone;
}

Task<std::size_t> Mounts::unmount_all() {
  blocking::Work work = [this](const blocking::Report& report) {
    unmount_in_rounds(directory_, hung_, report);
  };
  auto child = blocking::run(children_, "unmount", patience_with_a_batch, std::move(work));
  const auto outcome = co_await std::move(child);
  std::size_t gone = outcome.text.size();
  if (!outcome.finished()) {
    log_.warning("not unmounted in one batch, going on one by one", {{"reason", outcome.error}});
    auto rest = unmount_one_by_one();
    gone += co_await std::move(rest);
  }
  gone_ += gone;
  co_return gone;
}

Task<> Mounts::detach_what_is_left() {
  const auto left = unmount_order(read_mount_table(), directory_);
  log_.info("unmounted", {{"mounts", gone_}, {"left", left.size()}});
  for (const auto& mount : left) {
    // The others, such as devtmpfs, are the new system's as well.
    if (may_change_filesystems_ && lies_on_disk(mount) && !hung_.contains(mount.id)) {
      blocking::Work work = [&](const blocking::Report& report) {
        const char* path = mount.mount_point.c_str();
        const int result = ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
        report.call("remount read-only", mount.mount_point, result == 0 ? 0 : errno);
      };
      auto child = blocking::run(children_, "make read-only " + mount.mount_point,
                                 patience_with_one, std::move(work));
      co_await std::move(child);
    }
    blocking::Work work = [&](const blocking::Report&) { detach(mount); };
    auto child =
        blocking::run(children_, "detach " + mount.mount_point, patience_with_one, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(log_, "umount2 MNT_DETACH", mount.mount_point, outcome);
    log_.warning("still busy, detached", {{"mount", mount.mount_point},
                                          {"type", mount.type},
                                          {"source", mount.source},
                                          {"held_by", holders_of(mount, left)},
                                          {"result", outcome.finished() ? "ok" : outcome.error}});
  }
}

Task<std::size_t> Mounts::release(Round round) {
  if (round == Round::last) {
    co_await detach_what_is_left();
    co_return 0;
  }
  auto unmounting = unmount_all();
  co_return co_await std::move(unmounting);
}

}  // namespace dboot
