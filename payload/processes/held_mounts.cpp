#include "payload/processes/held_mounts.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <system_error>

#include "payload/children/blocking.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;

/// No server is asked.
void note_mount(const std::string& link, std::set<int>& ids) {
  struct statx status {};
  if (::statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID,
              &status) == 0)
    ids.insert(static_cast<int>(status.stx_mnt_id));
}

std::set<int> mounts_of(const std::string& process) {
  std::set<int> ids;
  for (const char* link : {"/root", "/cwd", "/exe"}) note_mount(process + link, ids);
  const std::string files = process + "/fd";
  const UniqueFd directory(::open(files.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ids;
  for (const auto& entry : entries_of(directory.get(), files))
    note_mount(files + '/' + entry.name, ids);
  return ids;
}

constexpr auto for_all = 2s;

void tell(const std::vector<pid_t>& pids, const blocking::Report& report) {
  const auto end = std::chrono::steady_clock::now() + for_all;
  for (const pid_t pid : pids) {
    if (std::chrono::steady_clock::now() >= end) return;
    try {
      const auto name = std::to_string(pid);
      const auto ids = mounts_of("/proc/" + name);
      for (const auto& mount : read_mount_table(name)) {
        if (ids.contains(mount.id)) report.write(name + ' ' + mount.mount_point + '\n');
      }
    } catch (const std::system_error&) {
      // It has ended.
    }
  }
}

}  // namespace

Task<std::map<pid_t, std::vector<std::string>>> mounts_held_by(Children& children,
                                                               std::vector<pid_t> pids) {
  blocking::Work work = [&pids](const blocking::Report& report) { tell(pids, report); };
  auto child = blocking::run(children, "look for what processes hold", for_all, std::move(work));
  const auto outcome = co_await std::move(child);
  std::map<pid_t, std::vector<std::string>> held;
  for (const auto line : lines_of(outcome.text)) {
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    if (const auto pid = number_in<pid_t>(line.substr(0, blank)))
      held[*pid].emplace_back(line.substr(blank + 1));
  }
  co_return held;
}

}  // namespace dboot
