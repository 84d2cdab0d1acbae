#include "shared/proc/mount_table.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <ranges>
#include <set>

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::optional<Mount> parse_line(std::string_view line) {
  const auto fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 3) return std::nullopt;
  const auto colon = fields[2].find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto id = number_in<unsigned>(fields[0]);
  const auto parent = number_in<unsigned>(fields[1]);
  const auto major = number_in<unsigned>(fields[2].substr(0, colon));
  const auto minor = number_in<unsigned>(fields[2].substr(colon + 1));
  if (!id || !parent || !major || !minor) return std::nullopt;

  Mount mount;
  mount.id = static_cast<int>(*id);
  mount.parent = static_cast<int>(*parent);
  mount.device = makedev(*major, *minor);
  mount.root = decode_octal(fields[3]);
  mount.mount_point = decode_octal(fields[4]);
  mount.options = fields[5];
  mount.shared = std::any_of(fields.begin() + 6, dash,
                             [](auto field) { return field.starts_with("shared:"); });
  mount.type = dash[1];
  // An empty source leaves only two fields behind the dash.
  mount.source = fields.end() - dash > 3 ? decode_octal(dash[2]) : "";
  mount.settings = fields.back();
  return mount;
}

}  // namespace

bool lies_in(std::string_view path, std::string_view directory) {
  if (directory == "/" || path == directory) return true;
  return path.starts_with(directory) && path[directory.size()] == '/';
}

bool is_pool(std::string_view type) {
  constexpr std::array<std::string_view, 3> pools{"btrfs", "zfs", "bcachefs"};
  return std::find(pools.begin(), pools.end(), type) != pools.end();
}

bool lies_on_disk(const Mount& mount) {
  return major(mount.device) != 0 || is_pool(mount.type);
}

bool has_a_server(std::string_view type) {
  constexpr std::array<std::string_view, 13> types{
      "nfs",    "nfs4",      "cifs",  "smb3", "ceph",    "9p",      "afs",
      "lustre", "glusterfs", "ncpfs", "fuse", "fuseblk", "virtiofs"};
  return type.starts_with("fuse.") || std::find(types.begin(), types.end(), type) != types.end();
}

std::vector<std::string> directories_of_overlay(const Mount& mount) {
  constexpr std::array<std::string_view, 3> options{"lowerdir=", "lowerdir+=", "upperdir="};
  std::vector<std::string> directories;
  if (mount.type != "overlay") return directories;
  for (const auto setting : split(mount.settings, ',')) {
    for (const auto option : options) {
      if (!setting.starts_with(option)) continue;
      for (const auto directory : split(setting.substr(option.size()), ':'))
        directories.push_back(decode_octal(directory));
    }
  }
  return directories;
}

std::string upper_directory(const Mount& mount) {
  constexpr std::string_view option = "upperdir=";
  if (mount.type != "overlay") return "";
  for (const auto setting : split(mount.settings, ',')) {
    if (setting.starts_with(option)) return decode_octal(setting.substr(option.size()));
  }
  return "";
}

std::string decode_octal(std::string_view field) {
  const auto digit = [](char raw) { return raw >= '0' && raw <= '7'; };
  std::string text;
  for (std::size_t at = 0; at < field.size(); ++at) {
    if (field[at] == '\\' && at + 3 < field.size() && digit(field[at + 1]) &&
        digit(field[at + 2]) && digit(field[at + 3])) {
      text += static_cast<char>((field[at + 1] - '0') * 64 + (field[at + 2] - '0') * 8 +
                                (field[at + 3] - '0'));
      at += 3;
    } else {
      text += field[at];
    }
  }
  return text;
}

MountTable parse_mount_table(std::string_view mountinfo) {
  MountTable table;
  for (const auto line : split(mountinfo, '\n')) {
    if (auto mount = parse_line(line)) table.push_back(std::move(*mount));
  }
  return table;
}

MountTable read_mount_table(const std::string& process) {
  return parse_mount_table(sys::read_file("/proc/" + process + "/mountinfo"));
}

const Mount* mounted_at(const MountTable& table, std::string_view path) {
  constexpr int nothing = -1;
  std::set<int> ids;
  for (const auto& mount : table) ids.insert(mount.id);
  std::multimap<int, const Mount*> by_parent;
  for (const auto& mount : table) {
    const bool is_root = mount.parent == mount.id || !ids.contains(mount.parent);
    by_parent.emplace(is_root ? nothing : mount.parent, &mount);
  }
  const Mount* seen = nullptr;
  const auto go_up_at = [&](std::string_view where) {
    const auto [first, last] = by_parent.equal_range(seen == nullptr ? nothing : seen->id);
    const auto found = std::find_if(
        first, last, [&](const auto& entry) { return entry.second->mount_point == where; });
    if (found == last) return false;
    seen = found->second;
    return true;
  };
  // From / down, and from each mount to what is mounted on it in the same place.
  while (go_up_at("/")) {
  }
  for (std::size_t length = 0; length < path.size();) {
    length = std::min(path.find('/', length + 1), path.size());
    while (go_up_at(path.substr(0, length))) {
    }
  }
  return seen != nullptr && seen->mount_point == path ? seen : nullptr;
}

std::set<int> moved_along(const MountTable& table, const std::vector<std::string>& paths) {
  std::set<int> moved;
  for (const auto& path : paths) {
    if (const auto* const mount = mounted_at(table, path)) moved.insert(mount->id);
  }
  for (bool is_more = !moved.empty(); is_more;) {
    is_more = false;
    for (const auto& mount : table) {
      if (moved.contains(mount.parent) && moved.insert(mount.id).second) is_more = true;
    }
  }
  return moved;
}

MountTable unmount_order(const MountTable& table, std::string_view directory) {
  std::multimap<int, const Mount*> children;
  std::set<int> inside;
  for (const auto& mount : table) {
    if (mount.id != mount.parent) children.emplace(mount.parent, &mount);
    if (lies_in(mount.mount_point, directory)) inside.insert(mount.id);
  }
  const auto is_top = [&](const Mount& mount) {
    return lies_in(mount.mount_point, directory) &&
           (mount.id == mount.parent || !inside.contains(mount.parent));
  };
  // Each mount before those that lie on it, in the order in which they were mounted; the reverse of
  // that is wanted. With a stack of its own: a hundred thousand mounts may lie on each other. And
  // each mount once: a table that changes while it is read can name an ID twice.
  std::vector<const Mount*> pending;
  for (const auto& mount : std::views::reverse(table)) {
    if (is_top(mount)) pending.push_back(&mount);
  }
  std::set<int> visited;
  MountTable order;
  while (!pending.empty()) {
    const Mount& mount = *pending.back();
    pending.pop_back();
    if (!visited.insert(mount.id).second) continue;
    order.push_back(mount);
    const auto [first, last] = children.equal_range(mount.id);
    for (auto child = last; child != first;) pending.push_back((--child)->second);
  }
  std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace dboot
