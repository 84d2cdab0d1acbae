#include "injector/forecast/disks.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace dboot::forecast {
namespace {

using Layers = std::vector<Layer>;

/// Empty for a device that goes with what uses it.
std::string_view kind_of_keeper(std::string_view device) {
  constexpr std::pair<std::string_view, std::string_view> kinds[] = {
      {"dm-", "device mapper"}, {"md", "md"}, {"bcache", "bcache"}, {"drbd", "drbd"}};
  for (const auto& [prefix, kind] : kinds) {
    if (device.starts_with(prefix)) return kind;
  }
  return {};
}

Layer layer_of(const DeviceGraph& graph, const std::string& name) {
  return {node_of(name), graph.mapped_name(name)};
}

/// Goes down every way from a device, and tells each with its end: the disk. The file of a live
/// system's loop device seems to lie on that device, which is the end, then.
void descend(const DeviceGraph& graph, const std::string& name, std::vector<std::string>& way,
             const std::function<void(const Layers&)>& tell) {
  way.push_back(name);
  bool is_disk = true;
  for (const auto& lower : graph.below(name)) {
    if (std::find(way.begin(), way.end(), lower) != way.end()) continue;
    is_disk = false;
    descend(graph, lower, way, tell);
  }
  if (is_disk) {
    Layers layers;
    for (const auto& device : way) layers.push_back(layer_of(graph, device));
    tell(layers);
  }
  way.pop_back();
}

void for_each_way(const DeviceGraph& graph, const std::string& name,
                  const std::function<void(const Layers&)>& tell) {
  std::vector<std::string> way;
  descend(graph, name, way, tell);
}

Disk& disk_below(Disks& disks, const Layers& layers) {
  const auto& name = layers.back().device;
  const auto same = [&](const Disk& disk) { return disk.name == name; };
  const auto found = std::find_if(disks.disks.begin(), disks.disks.end(), same);
  if (found != disks.disks.end()) return *found;
  return disks.disks.emplace_back(Disk{name, {}, {}});
}

void add_keeper(Disk& disk, Keeper keeper) {
  const auto same = [&](const Keeper& other) { return other.layer.device == keeper.layer.device; };
  if (std::none_of(disk.kept_by.begin(), disk.kept_by.end(), same))
    disk.kept_by.push_back(std::move(keeper));
}

}  // namespace

std::string Layer::text() const {
  return mapped_name.empty() ? device : device + " (" + mapped_name + ")";
}

std::string DiskUse::text() const {
  std::string text = what == "swap" ? what : what + " on " + where;
  std::string_view between = ": ";
  for (const auto& layer : layers) {
    text += between;
    text += layer.text();
    between = " on ";
  }
  return text;
}

Disks disks_of(const DeviceGraph& graph) {
  Disks disks;
  for (const auto& use : graph.uses()) {
    DiskUse found{use.type, use.where, {}};
    if (use.devices.empty()) disks.elsewhere.push_back(found);
    for (const auto& device : use.devices)
      for_each_way(graph, device, [&](const Layers& layers) {
        found.layers = layers;
        disk_below(disks, layers).uses.push_back(found);
      });
  }
  for (const auto& device : graph.devices()) {
    const auto kind = kind_of_keeper(device);
    // A partition goes with what it is a part of.
    if (kind.empty() || graph.is_partition(device)) continue;
    for_each_way(graph, device, [&](const Layers& layers) {
      // One that lies on nothing is no disk of its own that could be let go of.
      if (layers.size() > 1) add_keeper(disk_below(disks, layers), {layers.front(), kind});
    });
  }
  return disks;
}

}  // namespace dboot::forecast
