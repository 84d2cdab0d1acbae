#include "injector/forecast/disks.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <set>
#include <utility>

namespace dboot::forecast {
namespace {

using Layers = std::vector<Layer>;

struct Kind {
  std::string_view prefix;  ///< of its devices' names
  std::string_view name;
  bool is_taken_apart = false;
};

/// Null for a device that goes with what uses it.
const Kind* kind_of(std::string_view device) {
  static constexpr Kind kinds[] = {
      {"dm-", "device mapper", true}, {"md", "md", true}, {"bcache", "bcache"}, {"drbd", "drbd"}};
  for (const auto& kind : kinds) {
    if (device.starts_with(kind.prefix)) return &kind;
  }
  return nullptr;
}

Layer layer_of(const DeviceGraph& graph, const std::string& name) {
  return {node_of(name), graph.mapped_name(name)};
}

/// Tells the shortest way from a device down to each disk below it. The file of a live system's
/// loop device seems to lie on that device, which is the disk, then.
void for_each_disk(const DeviceGraph& graph, const std::string& name,
                   const std::function<void(const Layers&)>& tell) {
  std::set<std::string> seen{name};
  std::deque<Layers> ways{{layer_of(graph, name)}};
  std::deque<std::string> ends{name};
  for (; !ways.empty(); ways.pop_front(), ends.pop_front()) {
    const auto lower = graph.below(ends.front());
    const auto is_above = [&](const std::string& device) {
      const auto same = [&](const Layer& layer) { return layer.device == node_of(device); };
      return std::any_of(ways.front().begin(), ways.front().end(), same);
    };
    const bool is_disk = std::all_of(lower.begin(), lower.end(), is_above);
    if (is_disk) tell(ways.front());
    for (const auto& device : lower) {
      if (!seen.insert(device).second) continue;
      auto& way = ways.emplace_back(ways.front());
      way.push_back(layer_of(graph, device));
      ends.push_back(device);
    }
  }
}

Disk& disk_below(Disks& disks, const Layers& layers) {
  const auto& name = layers.back().device;
  const auto same = [&](const Disk& disk) { return disk.name == name; };
  const auto found = std::find_if(disks.disks.begin(), disks.disks.end(), same);
  if (found != disks.disks.end()) return *found;
  return disks.disks.emplace_back(Disk{name, {}, {}, {}});
}

void add_once(std::vector<Stacked>& stack, Stacked stacked) {
  const auto same = [&](const Stacked& other) {
    return other.layer.device == stacked.layer.device;
  };
  if (std::none_of(stack.begin(), stack.end(), same)) stack.push_back(std::move(stacked));
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
      for_each_disk(graph, device, [&](const Layers& layers) {
        found.layers = layers;
        disk_below(disks, layers).uses.push_back(found);
      });
  }
  for (const auto& device : graph.devices()) {
    const auto* const kind = kind_of(device);
    // A partition goes with what it is a part of.
    if (kind == nullptr || graph.is_partition(device)) continue;
    for_each_disk(graph, device, [&](const Layers& layers) {
      // One that lies on nothing is no disk of its own that could be let go of.
      if (layers.size() == 1) return;
      auto& disk = disk_below(disks, layers);
      add_once(kind->is_taken_apart ? disk.taken_apart : disk.kept_by,
               {layers.front(), kind->name});
    });
  }
  return disks;
}

}  // namespace dboot::forecast
