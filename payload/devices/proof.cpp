#include "payload/devices/proof.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>

#include "payload/children/blocking.hpp"
#include "payload/devices/users.hpp"
#include "shared/devices/lasting.hpp"
#include "shared/proc/fields.hpp"

namespace dboot {
namespace {

/// What ends with a delay has some: files of a process that was just reaped, an io_uring.
constexpr auto busy_is_final_after = std::chrono::seconds(1);

void open_exclusively(const DeviceNodes& devices, const std::string& node) {
  const auto end = std::chrono::steady_clock::now() + busy_is_final_after;
  for (;;) {
    try {
      devices.open(node, O_RDONLY | O_EXCL | O_NONBLOCK);
      return;
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::device_or_resource_busy ||
          std::chrono::steady_clock::now() > end)
        throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::string plain(std::string_view text) {
  return log::unescaped(text).value_or("");
}

template <class Number>
std::string text_of(const std::set<Number>& numbers) {
  std::string text;
  for (const auto number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text.empty() ? "-" : text;
}

template <class Number>
std::set<Number> numbers_of(std::string_view text) {
  std::set<Number> numbers;
  for (const auto word : split(text, ',')) {
    if (const auto number = number_in<Number>(word)) numbers.insert(*number);
  }
  return numbers;
}

/// As found.
void note_uses(const DeviceGraph& graph, bool is_traced, const blocking::Report& report) {
  for (const auto& use : graph.uses()) {
    for (const auto& name : use.devices)
      report.debug("disk in use", {{"by", use.text()}, {"device", graph.chain(name)}});
  }
  if (!is_traced) return;
  for (const auto& device : read_block_devices()) {
    report.trace("device found", {{"device", device.name},
                                  {"disk", device.disk},
                                  {"slaves", joined(device.slaves, ",")},
                                  {"file", device.backing_file}});
  }
}

/// What a child of look() says: name, use, device numbers and mounts, with tabs between them; or
/// the use alone of a pool whose devices are not known.
std::string line_of(const DeviceGraph::DeviceInUse& device, const DeviceGraph::Traces& traces) {
  return log::escaped(device.name, "\\") + '\t' + log::escaped(device.use, "\\") + '\t' +
         text_of(traces.numbers) + '\t' + text_of(traces.mounts) + '\n';
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

Task<> Proof::look() {
  using namespace std::chrono_literals;
  if (!allowed_) co_return;
  const bool is_traced = log_.has(Log::Level::trace);
  blocking::Work work = [is_traced](const blocking::Report& report) {
    auto storage = read_storage();
    add_other_namespaces(storage);
    const DeviceGraph graph(std::move(storage));
    note_uses(graph, is_traced, report);
    for (const auto& device : graph.devices_in_use()) {
      report.write(line_of(device, graph.traces(device.name)));
      // A volume of a pool.
      const auto lasts = lasting(*graph.find(device.name));
      if (lasts && lasts->kind == "zfs") report.write("zfs on " + device.name + '\n');
    }
    for (const auto& use : graph.uses()) {
      if (use.devices.empty()) report.write(log::escaped(use.text(), "\\") + '\n');
    }
  };
  auto child = blocking::run(children_, "look for disks in use", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  for (const auto line : split(outcome.text, '\n')) {
    const auto words = split(line, '\t');
    if (words.size() == 1 && !line.empty()) note_pool(plain(words[0]));
    if (words.size() == 4)
      note({{plain(words[0]), plain(words[1])},
            {numbers_of<dev_t>(words[2]), numbers_of<std::uint64_t>(words[3])}});
  }
  if (!outcome.finished())
    log_.warning("not all disks in use are known", {{"reason", outcome.error}});
}

void Proof::note(Seen seen) {
  const auto found = std::find_if(seen_.begin(), seen_.end(), [&](const Seen& other) {
    return other.device.name == seen.device.name;
  });
  if (found == seen_.end()) return seen_.push_back(std::move(seen));
  found->traces.numbers.merge(seen.traces.numbers);
  found->traces.mounts.merge(seen.traces.mounts);
}

void Proof::note_pool(const std::string& pool) {
  if (!pools_.insert(pool).second) return;
  log_.warning("its disks are not known, nor looked at",
               {{"filesystem", pool}, {"to_end_it", to_end_pool(pool.substr(0, pool.find(' ')))}});
}

/// Empty for nothing.
Task<std::string> Proof::what_keeps(const std::string& name) const {
  using namespace std::chrono_literals;
  const std::string node = node_of(name);
  blocking::Work work = [&](const blocking::Report&) { open_exclusively(devices_, node); };
  auto child = blocking::run(children_, "open " + node, 10s, std::move(work), {devices_.mount()});
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
  for (const auto& use : graph.uses()) {
    const bool is_in_it =
        std::find(use.devices.begin(), use.devices.end(), seen.device.name) != use.devices.end();
    if (use.kind != DeviceGraph::Kind::swap || !is_in_it) continue;
    // Of a device, whose path may be that of the old root's /dev.
    const auto node = node_of(seen.device.name);
    commands.push_back("swapoff " + (use.where.ends_with('/' + node) ? "/dev/" + node : use.where));
  }
  auto looking = users_of(children_, seen.traces);
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
void Proof::note_connections(const std::set<std::string>& kept) const {
  const DeviceGraph graph(read_storage());
  for (const auto& seen : seen_) {
    const auto* const device = graph.find(seen.device.name);
    if (device == nullptr || kept.contains(seen.device.name)) continue;
    const auto lasts = lasting(*device);
    if (!lasts || lasts->keeps_what_is_below) continue;
    log_.warning(
        "connection stays",
        {{"device", path_of(seen.device)}, {"kind", lasts->kind}, {"to_end_it", lasts->to_end_it}});
  }
}

std::vector<std::string> Proof::devices(const std::set<std::string>& kept) const {
  std::vector<std::string> names;
  for (const auto& seen : seen_) {
    if (!kept.contains(seen.device.name)) names.push_back(seen.device.name);
  }
  return names;
}

Task<std::string> Proof::give(const std::set<std::string>& kept) const {
  if (!allowed_) co_return "";
  std::vector<std::string> busy;
  std::size_t in_new_use = 0;
  for (const auto& seen : seen_) {
    if (kept.contains(seen.device.name)) {
      ++in_new_use;
      log_.info("kept", {{"device", path_of(seen.device)}, {"was", seen.device.use}});
      continue;
    }
    auto looking = why_busy(seen.device.name);
    const auto reason = co_await std::move(looking);
    if (reason.empty()) {
      log_.info("released", {{"device", path_of(seen.device)}, {"was", seen.device.use}});
      continue;
    }
    auto naming = name_holders(seen, reason);
    const auto holders = co_await std::move(naming);
    busy.push_back(path_of(seen.device) + " (held by " + holders + ")");
  }
  log_.write(busy.empty() ? Log::Level::info : Log::Level::warning,
             busy.empty() ? "old root released" : "disks stay busy",
             {{"disks", seen_.size()}, {"busy", busy.size()}, {"kept", in_new_use}});
  note_connections(kept);
  for (const auto& pool : pools_) busy.push_back("the disks of " + pool + " (not known)");
  co_return joined(busy, ", ");
}

}  // namespace dboot
