#include "payload/devices/proof.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "payload/children/blocking.hpp"
#include "payload/devices/users.hpp"
#include "shared/devices/lasting.hpp"

namespace dboot {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::string path_of(const DeviceGraph::DeviceInUse& device) {
  return "/dev/" + node_of(device.name);
}

}  // namespace

Proof::Proof(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions)
    : log_(log),
      children_(children),
      devices_(devices),
      allowed_(permissions.allows(Action::open_disks)) {}

void Proof::look() {
  if (!allowed_) return;
  auto storage = read_storage();
  add_other_namespaces(storage);
  const DeviceGraph graph(std::move(storage));
  note_uses(graph);
  for (auto& device : graph.devices_in_use()) {
    auto numbers = graph.numbers(device.name);
    const auto found = std::find_if(seen_.begin(), seen_.end(), [&](const Seen& seen) {
      return seen.device.name == device.name;
    });
    if (found == seen_.end()) {
      seen_.push_back({std::move(device), std::move(numbers)});
    } else {
      found->numbers.merge(numbers);
    }
  }
  for (const auto& use : graph.uses()) {
    if (!use.devices.empty() || !pools_.insert(use.text()).second) continue;
    log_.warning("its disks are not known, nor looked at",
                 {{"filesystem", use.text()}, {"to_end_it", lasting_pools().to_end_it}});
  }
}

/// As found.
void Proof::note_uses(const DeviceGraph& graph) const {
  for (const auto& use : graph.uses()) {
    for (const auto& name : use.devices)
      log_.debug("disk in use", {{"by", use.text()}, {"device", graph.chain(name)}});
  }
  if (!log_.has(Log::Level::trace)) return;
  for (const auto& device : read_block_devices()) {
    log_.trace("device found", {{"device", device.name},
                                {"disk", device.disk},
                                {"slaves", joined(device.slaves, ",")},
                                {"file", device.backing_file}});
  }
}

/// Empty for nothing.
Task<std::string> Proof::what_keeps(const std::string& name) const {
  using namespace std::chrono_literals;
  const std::string node = node_of(name);
  blocking::Work work = [&](const blocking::Report&) {
    devices_.open(node, O_RDONLY | O_EXCL | O_NONBLOCK);
  };
  auto child = blocking::run(children_, "open " + node, 5s, std::move(work), {devices_.mount()});
  const auto outcome = co_await std::move(child);
  blocking::note_call(log_, "open O_EXCL", "/dev/" + node, outcome);
  if (!outcome.finished()) co_return outcome.error;
  const bool is_held = !DeviceGraph(read_storage()).holders(name).empty();
  co_return is_held ? "something lies on it" : "";
}

/// Empty when it is free.
Task<std::string> Proof::why_busy(const std::string& name) const {
  const auto is_there = [&] { return ::access(("/sys/class/block/" + name).c_str(), F_OK) == 0; };
  if (!is_there()) co_return "";
  auto looking = what_keeps(name);
  auto reason = co_await std::move(looking);
  // One that is taken apart may go away only now.
  co_return is_there() ? reason : "";
}

/// Logs who keeps it, and returns that.
Task<std::string> Proof::name_holders(const Seen& seen, const std::string& reason) const {
  const DeviceGraph graph(read_storage());
  auto holders = graph.holders(seen.device.name);
  std::vector<std::string> commands;
  for (const auto& holder : holders) {
    const auto* const device = graph.find(holder);
    if (device == nullptr) continue;
    if (const auto lasts = lasting(*device)) commands.push_back(lasts->to_end_it);
  }
  auto looking = users_of(children_, seen.numbers);
  auto users = co_await std::move(looking);
  for (auto& user : users) holders.push_back(std::move(user));
  const auto text = holders.empty() ? "unknown" : joined(holders, ",");
  log_.error("still busy", {{"device", path_of(seen.device)},
                            {"was", seen.device.use},
                            {"held_by", text},
                            {"reason", reason},
                            {"to_end_it", commands.empty() ? "unknown" : joined(commands, "; ")}});
  co_return text;
}

/// To servers, of disks that are free.
void Proof::note_connections() const {
  const DeviceGraph graph(read_storage());
  for (const auto& seen : seen_) {
    const auto* const device = graph.find(seen.device.name);
    if (device == nullptr) continue;
    const auto lasts = lasting(*device);
    if (!lasts || lasts->keeps_what_is_below) continue;
    log_.warning(
        "connection stays",
        {{"device", path_of(seen.device)}, {"kind", lasts->kind}, {"to_end_it", lasts->to_end_it}});
  }
}

Task<std::string> Proof::give() const {
  if (!allowed_) co_return "";
  std::vector<std::string> kept;
  for (const auto& seen : seen_) {
    auto looking = why_busy(seen.device.name);
    const auto reason = co_await std::move(looking);
    if (reason.empty()) {
      log_.info("released", {{"device", path_of(seen.device)}, {"was", seen.device.use}});
      continue;
    }
    auto naming = name_holders(seen, reason);
    const auto holders = co_await std::move(naming);
    kept.push_back(path_of(seen.device) + " (held by " + holders + ")");
  }
  const auto busy = kept.size();
  log_.write(busy == 0 ? Log::Level::info : Log::Level::warning,
             busy == 0 ? "old root released" : "disks stay busy",
             {{"disks", seen_.size()}, {"busy", busy}});
  note_connections();
  for (const auto& pool : pools_) kept.push_back("the disks of " + pool + " (not known)");
  co_return joined(kept, ", ");
}

}  // namespace dboot
