#include "shared/devices/device_graph.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <set>

#include "shared/proc/fields.hpp"

namespace dboot {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string node_of(std::string name) {
  std::replace(name.begin(), name.end(), '!', '/');
  return name;
}

std::string DeviceGraph::Use::text() const {
  return kind == Kind::swap ? "swap" : type + " on " + where;
}

DeviceGraph::DeviceGraph(Storage storage) : storage_(std::move(storage)) {
  add_filesystems();
  add_swap_areas();
}

const BlockDevice* DeviceGraph::find(std::string_view name) const {
  const auto& devices = storage_.devices;
  const auto same = [&](const BlockDevice& device) { return device.name == name; };
  const auto found = std::find_if(devices.begin(), devices.end(), same);
  return found == devices.end() ? nullptr : &*found;
}

const BlockDevice* DeviceGraph::find(dev_t number) const {
  const auto& devices = storage_.devices;
  const auto same = [&](const BlockDevice& device) { return device.number == number; };
  const auto found = std::find_if(devices.begin(), devices.end(), same);
  return found == devices.end() ? nullptr : &*found;
}

const BlockDevice* DeviceGraph::find_node(std::string_view path) const {
  constexpr std::string_view dev = "/dev/";
  constexpr std::string_view mapper = "mapper/";
  if (!path.starts_with(dev)) return nullptr;
  path.remove_prefix(dev.size());
  const auto same = [&](const BlockDevice& device) {
    if (path.starts_with(mapper) && path.substr(mapper.size()) == device.mapped_name) return true;
    return path == node_of(device.name);
  };
  const auto& devices = storage_.devices;
  const auto found = std::find_if(devices.begin(), devices.end(), same);
  return found == devices.end() ? nullptr : &*found;
}

/// What the source of another kind says is anybody's word.
std::vector<std::string> DeviceGraph::devices_of(const Mount& mount) const {
  if (major(mount.device) != 0) {
    const auto* const device = find(mount.device);
    return device == nullptr ? std::vector<std::string>() : std::vector{device->name};
  }
  if (mount.type == "overlay") return devices_of_directories(mount);
  if (!is_pool(mount.type)) return {};
  std::vector<std::string> names;
  // That of a bcachefs has all of them.
  for (const auto part : split(mount.source, ':')) {
    const auto* const device = find_node(part);
    if (device == nullptr) continue;
    for (const auto& members : storage_.volumes) {
      if (mount.type == "btrfs" && contains(members, device->name)) return members;
    }
    names.push_back(device->name);
  }
  return names;
}

std::vector<std::string> DeviceGraph::devices_of_directories(const Mount& overlay) const {
  std::vector<std::string> names;
  for (const auto& directory : directories_of_overlay(overlay)) {
    for (auto& name : devices_of_file(directory)) names.push_back(std::move(name));
  }
  return names;
}

/// Of two mounts on one another, the later one is seen.
std::vector<std::string> DeviceGraph::devices_of_file(std::string_view path) const {
  const Mount* nearest = nullptr;
  for (const auto& mount : storage_.mounts) {
    if (!lies_in(path, mount.mount_point)) continue;
    if (nearest == nullptr || mount.mount_point.size() >= nearest->mount_point.size())
      nearest = &mount;
  }
  // An overlay may be made of directories in an overlay; of itself it is not.
  if (nearest != nullptr && nearest->type == "overlay") return {};
  return nearest == nullptr ? std::vector<std::string>() : devices_of(*nearest);
}

void DeviceGraph::add_filesystems() {
  std::set<dev_t> seen;
  const auto add = [&](const Mount& mount) {
    if (!seen.insert(mount.device).second) return;
    // What an overlay lies on are filesystems that are in here themselves.
    if (mount.type == "overlay") return;
    auto devices = devices_of(mount);
    // The subvolumes of a btrfs have numbers of their own.
    const auto same = [&](const Use& use) { return !devices.empty() && use.devices == devices; };
    if ((devices.empty() && !is_pool(mount.type)) || std::any_of(uses_.begin(), uses_.end(), same))
      return;
    uses_.push_back({Kind::filesystem, mount.type, mount.mount_point, std::move(devices)});
  };
  std::for_each(storage_.mounts.begin(), storage_.mounts.end(), add);
  std::for_each(storage_.elsewhere.begin(), storage_.elsewhere.end(), add);
  for (const auto& pool : storage_.pools) {
    const auto is_of_it = [&](const Mount& mount) {
      return mount.type == "zfs" && split(mount.source, '/').front() == pool;
    };
    if (std::none_of(storage_.mounts.begin(), storage_.mounts.end(), is_of_it))
      uses_.push_back({Kind::filesystem, "zfs", "the pool " + pool, {}});
  }
}

/// Of a device whose /dev is mounted elsewhere by now, or nowhere any more, the kernel shows only
/// the end of its path as it was.
std::vector<std::string> DeviceGraph::devices_of_area(std::string_view path) const {
  if (const auto* device = find_node(path)) return {device->name};
  if (auto devices = devices_of_file(path); !devices.empty()) return devices;
  const auto in_dev = path.rfind("/dev/");
  const auto name =
      in_dev == std::string_view::npos ? path.substr(path.find('/') + 1) : path.substr(in_dev + 5);
  const auto* device = find_node(std::string("/dev/").append(name));
  return device == nullptr ? std::vector<std::string>() : std::vector{device->name};
}

void DeviceGraph::add_swap_areas() {
  for (const auto& path : storage_.swaps) {
    auto devices = devices_of_area(path);
    if (!devices.empty()) uses_.push_back({Kind::swap, "swap", path, std::move(devices)});
  }
}

std::vector<std::string> DeviceGraph::devices() const {
  std::vector<std::string> names;
  names.reserve(storage_.devices.size());
  for (const auto& device : storage_.devices) names.push_back(device.name);
  return names;
}

DeviceGraph::Traces DeviceGraph::traces(std::string_view name) const {
  Traces traces;
  const auto add = [&](const BlockDevice& device) {
    traces.numbers.insert(device.number);
    for (const auto* mounts : {&storage_.mounts, &storage_.elsewhere}) {
      for (const auto& mount : *mounts) {
        if (mount.device != device.number && !contains(devices_of(mount), device.name)) continue;
        traces.numbers.insert(mount.device);
        traces.mounts.insert(static_cast<std::uint64_t>(mount.id));
      }
    }
  };
  for (const auto& device : storage_.devices) {
    if (device.name == name || device.disk == name) add(device);
  }
  return traces;
}

std::vector<std::string> DeviceGraph::stacked() const {
  std::vector<std::string> names;
  for (const auto& device : storage_.devices) {
    if (!device.slaves.empty() || !device.backing_file.empty()) names.push_back(device.name);
  }
  return names;
}

std::vector<std::string> DeviceGraph::below(std::string_view name) const {
  const auto* device = find(name);
  if (device == nullptr) return {};
  if (!device->disk.empty()) return {device->disk};
  if (const auto* backing = find_node(device->backing_file)) return {backing->name};
  if (!device->backing_file.empty()) return devices_of_file(device->backing_file);
  return device->slaves;
}

std::vector<DeviceGraph::DeviceInUse> DeviceGraph::devices_in_use() const {
  std::vector<DeviceInUse> result;
  const auto add = [&](const std::string& name, std::string use) {
    const auto same = [&](const DeviceInUse& other) { return other.name == name; };
    if (find(name) != nullptr && std::none_of(result.begin(), result.end(), same))
      result.push_back({name, std::move(use)});
  };
  for (const auto& use : uses_) {
    for (const auto& name : use.devices) add(name, use.text());
  }
  // It grows meanwhile.
  std::size_t walked = 0;
  const auto add_what_is_below = [&] {
    while (walked < result.size()) {
      const auto [name, use] = result[walked++];
      for (const auto& lower : below(name))
        add(lower, use.starts_with("below ") ? use : "below " + use);
    }
  };
  add_what_is_below();
  for (const auto& name : stacked()) add(name, "in no use");
  add_what_is_below();
  return result;
}

std::set<std::string> DeviceGraph::devices_below(const std::set<int>& mounts) const {
  std::set<std::string> names;
  std::vector<std::string> to_visit;
  for (const auto& mount : storage_.mounts) {
    if (!mounts.contains(mount.id)) continue;
    for (auto& name : devices_of(mount)) to_visit.push_back(std::move(name));
  }
  while (!to_visit.empty()) {
    const auto name = std::move(to_visit.back());
    to_visit.pop_back();
    if (!names.insert(name).second) continue;
    for (auto& lower : below(name)) to_visit.push_back(std::move(lower));
    // What is written to the origin goes through its snapshots, which keep what was there.
    const auto* const device = find(name);
    if (device == nullptr || !device->mapped_name.ends_with("-real")) continue;
    for (const auto& other : storage_.devices) {
      if (contains(other.slaves, name)) to_visit.push_back(other.name);
    }
  }
  return names;
}

std::vector<std::string> DeviceGraph::holders(std::string_view name) const {
  std::vector<std::string> result;
  for (const auto& use : uses_) {
    if (contains(use.devices, name)) result.push_back(use.kind == Kind::swap ? "swap" : use.where);
  }
  for (const auto& device : storage_.devices) {
    if (device.disk == name) {
      for (auto& holder : holders(device.name)) result.push_back(std::move(holder));
    } else if (contains(below(device.name), name)) {
      result.push_back(device.name);
    }
  }
  return result;
}

std::string DeviceGraph::holders_text(std::string_view name) const {
  std::string text;
  for (const auto& holder : holders(name)) text += (text.empty() ? "" : ",") + holder;
  return text.empty() ? "unknown" : text;
}

std::string DeviceGraph::chain(std::string_view name) const {
  std::vector<std::string> way;
  return chain(std::string(name), way);
}

/// What lies below a device is told once, whoever else lies on it, too. A live system's loop device
/// seems to lie on itself: its file was opened below another root.
std::string DeviceGraph::chain(const std::string& name, std::vector<std::string>& way) const {
  std::string text = node_of(name);
  if (const auto* device = find(name); device != nullptr && !device->mapped_name.empty())
    text += " (" + device->mapped_name + ")";
  if (contains(way, name)) return text;
  way.push_back(name);
  const auto lower = below(name);
  for (std::size_t index = 0; index < lower.size(); ++index) {
    const auto next = chain(lower[index], way);
    const bool ambiguous = lower.size() > 1 && next.find(' ') != std::string::npos;
    text += index == 0 ? " on " : " and ";
    text += ambiguous ? "[" + next + "]" : next;
  }
  return text;
}

}  // namespace dboot
