#include "injector/forecast/disks.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <set>
#include <utility>

namespace dboot::forecast {
namespace {

using Layers = std::vector<Layer>;

/// What takes it apart; empty for a device that goes with what uses it, or that stays.
std::string_view taken_apart_as(const BlockDevice& device) {
  // A partition goes with what it is a part of.
  if (!device.disk.empty()) return "";
  if (device.name.starts_with("dm-")) return "device mapper";
  return device.name.starts_with("md") ? "md" : "";
}

Layer layer_of(const DeviceGraph& graph, const std::string& name) {
  const auto* const device = graph.find(name);
  return {node_of(name), device == nullptr ? "" : device->mapped_name};
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
  return disks.disks.emplace_back(Disk{name, {}, {}, {}, {}});
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

std::string Stacked::text() const {
  const auto text = layer.text() + ", " + std::string(kind);
  return to_end_it.empty() ? text : text + " (to end it: " + to_end_it + ")";
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

bool Disk::is_kept() const noexcept {
  return std::any_of(uses.begin(), uses.end(), [](const DiskUse& use) { return use.is_kept; });
}

Disks disks_of(const DeviceGraph& graph, const std::set<int>& kept) {
  const auto below_kept = graph.devices_below(kept);
  Disks disks;
  for (const auto& use : graph.uses()) {
    const bool is_kept = use.kind == DeviceGraph::Kind::filesystem && !use.devices.empty() &&
                         below_kept.contains(use.devices.front());
    DiskUse found{use.type, use.where, {}, is_kept};
    if (use.devices.empty()) disks.elsewhere.push_back(found);
    for (const auto& device : use.devices)
      for_each_disk(graph, device, [&](const Layers& layers) {
        found.layers = layers;
        disk_below(disks, layers).uses.push_back(found);
      });
  }
  for (const auto& name : graph.devices()) {
    const auto* const device = graph.find(name);
    const auto kind = taken_apart_as(*device);
    const auto lasts = lasting(*device);
    if ((kind.empty() && !lasts) || below_kept.contains(name)) continue;
    for_each_disk(graph, name, [&](const Layers& layers) {
      // One that lies on nothing is no disk of its own that could be let go of.
      if (layers.size() == 1) return;
      auto& disk = disk_below(disks, layers);
      if (lasts) {
        add_once(disk.kept_by, {layers.front(), lasts->kind, lasts->to_end_it});
      } else {
        add_once(disk.taken_apart, {layers.front(), kind, ""});
      }
    });
  }
  for (auto& disk : disks.disks) {
    const auto* const device = graph.find(disk.name);
    const auto lasts = device == nullptr ? std::nullopt : lasting(*device);
    if (!lasts) continue;
    if (lasts->keeps_what_is_below) {
      // A volume of a pool, whose disks nothing tells.
      disks.elsewhere.push_back({std::string(lasts->kind), disk.name, {}});
    } else {
      disk.connection = lasts;
    }
  }
  return disks;
}

std::string reason_for_busy_disks(const Disks& disks) {
  std::string reasons;
  const auto add = [&](const std::string& reason) {
    reasons += (reasons.empty() ? "" : "; ") + reason;
  };
  for (const auto& disk : disks.disks) {
    if (disk.is_kept()) continue;
    for (const auto& stacked : disk.kept_by) add(disk.name + " is kept by " + stacked.text());
  }
  for (const auto& use : disks.elsewhere)
    add("the disks of " + use.text() + " are not known (to end it: " + to_end_pool(use.what) + ")");
  return reasons;
}

}  // namespace dboot::forecast
