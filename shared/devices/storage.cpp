#include "shared/devices/storage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <optional>
#include <set>
#include <system_error>

#include "shared/proc/fields.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/proc/swaps.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// The names in a directory, sorted; none when it cannot be read.
std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return names;
  for (auto& entry : entries_of(fd.get(), directory)) names.push_back(std::move(entry.name));
  std::sort(names.begin(), names.end());
  return names;
}

/// The one line of an attribute; empty when there is none.
std::string attribute(const std::string& path) {
  auto text = sys::read_file_or_empty(path);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

/// "254:1"
dev_t parse_number(std::string_view text) {
  const auto numbers = split(text, ':');
  if (numbers.size() != 2) return 0;
  return makedev(number_in<unsigned>(numbers[0]).value_or(0),
                 number_in<unsigned>(numbers[1]).value_or(0));
}

/// Empty when it cannot be read.
std::string target_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const auto size = ::readlink(link.c_str(), target.data(), target.size());
  return size <= 0 ? "" : std::string(target.data(), static_cast<std::size_t>(size));
}

/// The names of the directories that lead to it below /sys/devices.
std::vector<std::string> way_to(const std::string& link) {
  const auto target = target_of(link);
  const auto names = split(target, '/');
  return {names.begin(), names.end()};
}

/// ".../host2/session1/target2:0:0/2:0:0:0/block/sda".
std::string iscsi_session_in(const std::vector<std::string>& way) {
  constexpr std::string_view session = "session";
  for (const auto& name : way) {
    if (name.starts_with(session) &&
        number_in<unsigned>(std::string_view(name).substr(session.size())))
      return name.substr(session.size());
  }
  return "";
}

BlockDevice read_device(const std::string& name) {
  const std::string directory = "/sys/class/block/" + name;
  const auto has = [&](const char* entry) {
    return ::access((directory + '/' + entry).c_str(), F_OK) == 0;
  };
  const auto way = way_to(directory);
  // The directory of a partition lies in that of its disk.
  const bool is_partition = has("partition") && way.size() >= 2;
  // Those of nbd are there all the time; a device of rbd is one of a connection.
  const bool is_connected = has("pid") || name.starts_with("rbd");
  return {name,
          parse_number(attribute(directory + "/dev")),
          is_partition ? way[way.size() - 2] : "",
          names_in(directory + "/slaves"),
          attribute(directory + "/loop/backing_file"),
          attribute(directory + "/dm/name"),
          iscsi_session_in(way),
          is_connected};
}

/// See names_in().
std::vector<std::string> directories_in(const std::string& directory) {
  std::vector<std::string> names = names_in(directory);
  std::erase_if(names, [&](const std::string& name) {
    struct stat status {};
    const auto path = directory + '/' + name;
    return ::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode);
  });
  return names;
}

void follow_links(std::string& path) {
  if (!path.starts_with("/dev/")) return;
  std::array<char, PATH_MAX> target{};
  if (::realpath(path.c_str(), target.data()) != nullptr) path = target.data();
}

/// Others may have anything for a source.
void follow_links(Mount& mount) {
  if (is_pool(mount.type)) follow_links(mount.source);
}

}  // namespace

std::vector<BlockDevice> read_block_devices() {
  std::vector<BlockDevice> devices;
  for (const auto& name : names_in("/sys/class/block")) devices.push_back(read_device(name));
  return devices;
}

Storage read_storage(const std::string& process) {
  Storage storage;
  storage.devices = read_block_devices();
  for (const auto& volume : names_in("/sys/fs/btrfs")) {
    auto members = names_in("/sys/fs/btrfs/" + volume + "/devices");
    if (!members.empty()) storage.volumes.push_back(std::move(members));
  }
  storage.mounts = read_mount_table(process);
  for (auto& mount : storage.mounts) follow_links(mount);
  for (auto& entry : directories_in("/proc/spl/kstat/zfs"))
    storage.pools.push_back(std::move(entry));
  for (auto& area : read_swaps()) {
    follow_links(area.path);
    storage.swaps.push_back(std::move(area.path));
  }
  return storage;
}

void add_other_namespaces(Storage& storage) {
  std::set<dev_t> known;
  for (const auto& mount : storage.mounts) known.insert(mount.device);
  // What a process sees of its namespace lies below its root.
  std::set<std::pair<std::optional<NamespaceId>, std::string>> seen;
  const auto view_of = [](const std::string& process) {
    return std::pair(namespace_of(process, "mnt"), target_of("/proc/" + process + "/root"));
  };
  seen.insert(view_of("self"));
  for (const pid_t pid : list_processes()) {
    const auto process = std::to_string(pid);
    auto view = view_of(process);
    if (!view.first || !seen.insert(std::move(view)).second) continue;
    MountTable mounts;
    try {
      mounts = read_mount_table(process);
    } catch (const std::system_error&) {
      continue;  // it has ended
    }
    const auto status = read_process_status(pid);
    const auto of = " of pid " + process + " (" + (status ? status->name : "?") + ")";
    for (auto& mount : mounts) {
      if (!lies_on_disk(mount) || !known.insert(mount.device).second) continue;
      mount.mount_point += of;
      follow_links(mount);
      storage.elsewhere.push_back(std::move(mount));
    }
  }
}

}  // namespace dboot
