#include "shared/devices/storage.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "shared/proc/swaps.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// The names in a directory; none when it cannot be read.
std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return names;
  for (auto& entry : entries_of(fd.get(), directory)) names.push_back(std::move(entry.name));
  return names;
}

/// The one line of an attribute; empty when there is none.
std::string attribute(const std::string& path) {
  auto text = sys::read_file_or_empty(path);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

dev_t parse_number(const std::string& text) {
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (std::sscanf(text.c_str(), "%u:%u", &major_number, &minor_number) != 2) return 0;
  return makedev(major_number, minor_number);
}

/// The directory of a partition lies in that of its disk.
std::string disk_of(const std::string& directory) {
  std::error_code none;
  if (!std::filesystem::exists(directory + "/partition", none)) return "";
  return std::filesystem::canonical(directory, none).parent_path().filename();
}

BlockDevice read_device(const std::string& name) {
  const std::string directory = "/sys/class/block/" + name;
  return {name,
          parse_number(attribute(directory + "/dev")),
          disk_of(directory),
          names_in(directory + "/slaves"),
          attribute(directory + "/loop/backing_file"),
          attribute(directory + "/dm/name")};
}

void follow_links(std::string& path) {
  if (!path.starts_with("/dev/")) return;
  std::error_code error;
  auto canonical = std::filesystem::canonical(path, error);
  if (!error) path = std::move(canonical);
}

}  // namespace

Storage read_storage() {
  Storage storage;
  for (const auto& name : names_in("/sys/class/block"))
    storage.devices.push_back(read_device(name));
  for (const auto& volume : names_in("/sys/fs/btrfs")) {
    auto members = names_in("/sys/fs/btrfs/" + volume + "/devices");
    if (!members.empty()) storage.volumes.push_back(std::move(members));
  }
  storage.mounts = read_mount_table();
  for (auto& mount : storage.mounts) follow_links(mount.source);
  storage.swaps = read_swaps();
  for (auto& area : storage.swaps) follow_links(area);
  return storage;
}

}  // namespace dboot
