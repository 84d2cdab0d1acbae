#include "payload/release/stack.hpp"

#include <set>
#include <system_error>
#include <thread>

#include "payload/children/blocking.hpp"
#include "shared/devices/device_graph.hpp"

namespace dboot {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// For that long a device may be busy with what is going already: somebody who looked at it, a file
/// that was closed.
constexpr auto busy_is_final_after = 250ms;

void retry_while_busy(const StackKind& kind, const BlockDevice& device, const DeviceNodes& nodes) {
  const auto end = Clock::now() + busy_is_final_after;
  for (;;) {
    try {
      kind.take_apart(device, nodes);
      return;
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::device_or_resource_busy || Clock::now() > end) throw;
    }
    std::this_thread::sleep_for(10ms);
  }
}

/// What people call it: below /dev/mapper, or the file that it shows.
const std::string& name_of(const BlockDevice& device) {
  return device.backing_file.empty() ? device.mapped_name : device.backing_file;
}

}  // namespace

Stack::Stack(const StackKind& kind, Log& log, Children& children, const DeviceNodes& nodes,
             Permissions permissions, std::set<std::string> kept)
    : kind_(kind),
      log_(log),
      children_(children),
      nodes_(nodes),
      allowed_(permissions.allows(kind.action)),
      kept_(std::move(kept)) {}

Task<bool> Stack::take_apart(const BlockDevice& device, Round round) {
  const auto rounds = ++rounds_[device.name];
  blocking::Work work = [&](const blocking::Report&) { retry_while_busy(kind_, device, nodes_); };
  // It may write to a disk that is slow.
  auto child = blocking::run(children_, "take " + device.name + " apart", 30s, std::move(work),
                             {nodes_.mount()});
  const auto outcome = co_await std::move(child);
  blocking::note_call(log_, kind_.call, device.name, outcome);
  if (outcome.finished()) {
    log_.info("device taken apart", {{"device", device.name},
                                     {"kind", kind_.name},
                                     {"name", name_of(device)},
                                     {"rounds", rounds}});
    co_return true;
  }
  const auto held_by =
      round == Round::last ? DeviceGraph(read_storage()).holders_text(device.name) : "unknown";
  log_.write(round == Round::last ? Log::Level::warning : Log::Level::debug, "device stays",
             {{"device", device.name},
              {"kind", kind_.name},
              {"name", name_of(device)},
              {"rounds", rounds},
              {"held_by", held_by},
              {"reason", outcome.error}});
  co_return false;
}

Task<std::size_t> Stack::release(Round round) {
  if (!allowed_) co_return 0;
  std::size_t gone = 0;
  std::set<std::string> tried;
  for (bool is_progress = true; is_progress;) {
    is_progress = false;
    Storage storage;
    storage.devices = read_block_devices();
    const DeviceGraph graph(storage);
    for (const auto& device : storage.devices) {
      if (!kind_.is_one(device) || kept_.contains(device.name) || tried.contains(device.name))
        continue;
      // In the last round each that stays is named.
      if (round == Round::usual && !graph.holders(device.name).empty()) continue;
      tried.insert(device.name);
      auto taking = take_apart(device, round);
      if (!co_await std::move(taking)) continue;
      is_progress = true;
      ++gone;
    }
  }
  co_return gone;
}

}  // namespace dboot
