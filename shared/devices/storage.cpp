#include "shared/devices/storage.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>

#include "shared/proc/fields.hpp"
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

/// The directory of a partition lies in that of its disk.
std::string disk_of(const std::string& name) {
  const std::string link = "/sys/class/block/" + name;
  std::array<char, PATH_MAX> target{};
  const auto size = ::readlink(link.c_str(), target.data(), target.size());
  if (size <= 0 || ::access((link + "/partition").c_str(), F_OK) != 0) return "";
  const auto way = split(std::string_view(target.data(), static_cast<std::size_t>(size)), '/');
  return way.size() < 2 ? "" : std::string(way[way.size() - 2]);
}

BlockDevice read_device(const std::string& name) {
  const std::string directory = "/sys/class/block/" + name;
  return {name,
          parse_number(attribute(directory + "/dev")),
          disk_of(name),
          names_in(directory + "/slaves"),
          attribute(directory + "/loop/backing_file"),
          attribute(directory + "/dm/name")};
}

void follow_links(std::string& path) {
  if (!path.starts_with("/dev/")) return;
  std::array<char, PATH_MAX> target{};
  if (::realpath(path.c_str(), target.data()) != nullptr) path = target.data();
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
  for (auto& mount : storage.mounts) follow_links(mount.source);
  storage.swaps = read_swaps();
  for (auto& area : storage.swaps) follow_links(area);
  return storage;
}

}  // namespace dboot
