#include "payload/devices/proof.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "payload/children/blocking.hpp"

namespace dboot {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

}  // namespace

Proof::Proof(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions)
    : log_(log),
      children_(children),
      devices_(devices),
      allowed_(permissions.allows(Action::open_disks)),
      before_(allowed_ ? read_storage() : Storage()) {
  note_devices();
  for (const auto& use : before_.uses()) {
    if (use.devices.empty())
      log_.warning("its disks are not known, nor looked at", {{"filesystem", use.text()}});
    for (const auto& name : use.devices)
      log_.debug("disk in use", {{"by", use.text()}, {"device", before_.chain(name)}});
  }
}

/// As found.
void Proof::note_devices() const {
  if (!allowed_ || !log_.has(Log::Level::trace)) return;
  for (const auto& device : read_block_devices()) {
    log_.trace("device found", {{"device", device.name},
                                {"disk", device.disk},
                                {"slaves", joined(device.slaves)},
                                {"file", device.backing_file}});
  }
}

/// Empty for nothing.
Task<std::string> Proof::what_keeps(const DeviceGraph::DeviceInUse& device) const {
  using namespace std::chrono_literals;
  const std::string node = node_of(device.name);
  blocking::Work work = [&](const blocking::Report&) {
    devices_.open(node, O_RDONLY | O_EXCL | O_NONBLOCK);
  };
  auto child = blocking::run(children_, "open " + node, 5s, std::move(work), {devices_.mount()});
  const auto outcome = co_await std::move(child);
  blocking::note_call(log_, "open O_EXCL", "/dev/" + node, outcome);
  if (!outcome.finished()) co_return outcome.error;
  const bool is_held = !DeviceGraph(read_storage()).holders(device.name).empty();
  co_return is_held ? "something lies on it" : "";
}

Task<bool> Proof::is_free(const DeviceGraph::DeviceInUse& device) const {
  const auto path = "/dev/" + node_of(device.name);
  const auto is_there = [&] {
    return ::access(("/sys/class/block/" + device.name).c_str(), F_OK) == 0;
  };
  std::string reason;
  if (is_there()) {
    auto looking = what_keeps(device);
    reason = co_await std::move(looking);
  }
  // One that is taken apart may go away only now.
  if (reason.empty() || !is_there()) {
    log_.info("released", {{"device", path}, {"was", device.use}});
    co_return true;
  }
  const auto holders = DeviceGraph(read_storage()).holders_text(device.name);
  log_.error("still busy",
             {{"device", path}, {"was", device.use}, {"held_by", holders}, {"reason", reason}});
  co_return false;
}

Task<> Proof::give() const {
  if (!allowed_) co_return;
  const auto disks = before_.devices_in_use();
  std::size_t busy = 0;
  for (const auto& disk : disks) {
    auto looking = is_free(disk);
    if (!co_await std::move(looking)) ++busy;
  }
  log_.write(busy == 0 ? Log::Level::info : Log::Level::warning,
             busy == 0 ? "old root released" : "disks stay busy",
             {{"disks", disks.size()}, {"busy", busy}});
}

}  // namespace dboot
