#include "payload/release/mounts.hpp"

#include <poll.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "payload/children/blocking.hpp"
#include "payload/devices/users.hpp"
#include "payload/release/write_back.hpp"
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
/// Where it is known that a server does not answer, which unmounting tells it at the end.
constexpr auto patience_with_given_up = 2s;
constexpr int pause_between_forces_ms = 100;

/// Mounts, by their number.
using Hung = std::set<int>;

MountTable to_unmount(const std::string& directory, const Hung& hung) {
  auto mounts = unmount_order(read_mount_table(), directory);
  std::erase_if(mounts, [&](const Mount& mount) { return hung.contains(mount.id); });
  return mounts;
}

Hung with_nfsd(Hung mounts) {
  for (const auto& mount : read_mount_table()) {
    if (mount.type == "nfsd") mounts.insert(mount.id);
  }
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
std::vector<std::string> holders_of(const Mount& mount, const MountTable& table) {
  std::vector<std::string> holders;
  const auto add = [&](std::string holder) { holders.push_back(std::move(holder)); };
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
    if (is_below(area.path)) add("swap " + area.path);
  }
  return holders;
}

/// A filesystem that is kept by another mount of it.
bool is_mounted_outside(const Mount& mount, const std::string& directory) {
  const auto table = read_mount_table();
  return std::any_of(table.begin(), table.end(), [&](const Mount& other) {
    // The subvolumes of a btrfs have numbers of their own.
    const bool is_same =
        other.device == mount.device || (is_pool(mount.type) && other.source == mount.source);
    return is_same && !lies_in(other.mount_point, directory);
  });
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
Task<std::size_t> Mounts::unmount_one_by_one(MountTable mounts) {
  std::size_t gone = 0;
  for (const auto& mount : mounts) {
    blocking::Work work = [&mount](const blocking::Report& report) {
      const int result = ::umount2(mount.mount_point.c_str(), UMOUNT_NOFOLLOW);
      note(mount, {1, result == 0 ? 0 : errno}, report);
      sys::check(result, "umount ", mount.mount_point);
    };
    const auto patience = given_up_.contains(mount.id) ? patience_with_given_up : patience_with_one;
    auto child = blocking::run(children_, "umount " + mount.mount_point, patience, std::move(work));
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
  const auto left_out = spares_nfsd_ ? with_nfsd(hung_) : hung_;
  auto one_by_one = left_out;
  one_by_one.insert(given_up_.begin(), given_up_.end());
  blocking::Work work = [&](const blocking::Report& report) {
    unmount_in_rounds(directory_, one_by_one, report);
  };
  auto child = blocking::run(children_, "unmount", patience_with_a_batch, std::move(work));
  const auto outcome = co_await std::move(child);
  std::size_t gone = outcome.text.size();
  if (!outcome.finished()) {
    log_.warning("not unmounted in one batch, going on one by one", {{"reason", outcome.error}});
    auto rest = unmount_one_by_one(to_unmount(directory_, one_by_one));
    gone += co_await std::move(rest);
  }
  auto of_servers = to_unmount(directory_, left_out);
  std::erase_if(of_servers, [&](const Mount& mount) { return !given_up_.contains(mount.id); });
  auto last = unmount_one_by_one(std::move(of_servers));
  gone += co_await std::move(last);
  gone_ += gone;
  co_return gone;
}

bool Mounts::spare_no_server() {
  spares_nfsd_ = false;
  return !to_unmount(directory_, hung_).empty();
}

/// An answer, whatever it is: what is asked for waits for the server where there is no answer.
Task<bool> Mounts::answers(const Mount& mount) {
  blocking::Work work = [&mount](const blocking::Report&) {
    struct statfs status {};
    [[maybe_unused]] const int result = ::statfs(mount.mount_point.c_str(), &status);
  };
  auto child =
      blocking::run(children_, "ask the server of " + mount.mount_point, 5s, std::move(work));
  const auto outcome = co_await std::move(child);
  co_return outcome.end != blocking::Outcome::End::late;
}

/// Each time, what is under way gets an error; more may begin meanwhile.
Task<> Mounts::give_up(const Mount& mount) {
  blocking::Work work = [&mount](const blocking::Report& report) {
    const auto end = Clock::now() + patience_with_given_up;
    int result = 0;
    do {
      result = ::umount2(mount.mount_point.c_str(), MNT_FORCE | UMOUNT_NOFOLLOW) == 0 ? 0 : errno;
      report.call("umount2 MNT_FORCE", mount.mount_point, result);
      ::poll(nullptr, 0, pause_between_forces_ms);
    } while (result == EBUSY && Clock::now() < end);
  };
  auto child = blocking::run(children_, "give up the server of " + mount.mount_point,
                             2 * patience_with_given_up, std::move(work));
  const auto outcome = co_await std::move(child);
  given_up_.insert(mount.id);
  hung_.erase(mount.id);
  log_.warning("server given up", {{"mount", mount.mount_point},
                                   {"type", mount.type},
                                   {"source", mount.source},
                                   {"result", outcome.finished() ? "done" : outcome.error}});
}

/// A process that waits for a server outlives SIGKILL, and holds what it has of other filesystems.
Task<bool> Mounts::settle_servers() {
  bool settled = false;
  if (!may_change_filesystems_) co_return settled;
  for (const auto& mount : unmount_order(read_mount_table(), directory_)) {
    if (!has_a_server(mount.type)) continue;
    settled = true;
    auto asking = answers(mount);
    if (co_await std::move(asking)) {
      // It may have much to take.
      auto writing = write_filesystem_back(log_, children_, mount);
      co_await std::move(writing);
    } else {
      auto giving_up = give_up(mount);
      co_await std::move(giving_up);
    }
  }
  co_return settled;
}

Task<> Mounts::detach_what_is_left() {
  const auto left = unmount_order(read_mount_table(), directory_);
  log_.info("unmounted", {{"mounts", gone_}, {"left", left.size()}});
  for (const auto& mount : left) {
    // The others, such as devtmpfs, are the new system's as well.
    if (may_change_filesystems_ && lies_on_disk(mount) && !hung_.contains(mount.id) &&
        !is_mounted_outside(mount, directory_)) {
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
    auto holders = holders_of(mount, left);
    // The others' files have the number of the new system's as well.
    if (lies_on_disk(mount)) {
      auto looking = users_of(children_, {{mount.device}, {static_cast<std::uint64_t>(mount.id)}});
      auto users = co_await std::move(looking);
      for (auto& user : users) holders.push_back(std::move(user));
    }
    std::string held_by;
    for (const auto& holder : holders) held_by += (held_by.empty() ? "" : ",") + holder;
    log_.warning("still busy, detached", {{"mount", mount.mount_point},
                                          {"type", mount.type},
                                          {"source", mount.source},
                                          {"held_by", held_by.empty() ? "unknown" : held_by},
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
