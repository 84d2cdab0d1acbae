#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "injector/forecast/forecast.hpp"
#include "injector/way_back.hpp"
#include "shared/log/json.hpp"
#include "shared/plan/json.hpp"

namespace dboot::forecast {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// Fields may be added to it, and none is taken away or changes its meaning.
constexpr int format = 1;

value text_or_null(std::string_view text) {
  return text.empty() ? value() : value(json_text(text));
}

template <class List, class Convert>
array array_of(const List& list, const Convert& convert) {
  array result;
  for (const auto& item : list) result.emplace_back(convert(item));
  return result;
}

object json_of(const Forecast::Image& image) {
  return {{"name", json_text(image.name)},
          {"description", json_text(image.description)},
          {"digest", text_or_null(image.digest)},
          {"bytes", image.bytes == 0 ? value() : value(image.bytes)}};
}

object json_of(const Forecast::Memory& memory) {
  return {{"available_bytes", memory.available},
          {"root_bytes", memory.root},
          {"root_limit_bytes", memory.root_limit}};
}

object json_of(const rootfs::Taken& taken) {
  return {{"what", taken.what},
          {"from", json_text(taken.from)},
          {"to", json_text(taken.to)},
          {"bytes", taken.bytes}};
}

object json_of(const payload_file::Payload& payload) {
  return {{"file", payload.is_carried ? value() : json_text(payload.path)},
          {"bytes", payload.size},
          {"digest", payload.digest},
          {"newest_plan", payload.plans ? value(to_string(*payload.plans)) : value()},
          {"proved", payload.plans.has_value()}};
}

object json_of(const Layer& layer) {
  return {{"device", json_text(layer.device)}, {"mapped_name", text_or_null(layer.mapped_name)}};
}

object json_of(const DiskUse& use) {
  return {{"what", json_text(use.what)},
          {"where", json_text(use.where)},
          {"kept", use.is_kept},
          {"layers", array_of(use.layers, [](const Layer& layer) { return json_of(layer); })}};
}

object json_of(const Stacked& stacked) {
  auto object = json_of(stacked.layer);
  object["kind"] = stacked.kind;
  object["to_end_it"] = text_or_null(stacked.to_end_it);
  return object;
}

array uses_of(const std::vector<DiskUse>& uses) {
  return array_of(uses, [](const DiskUse& use) { return json_of(use); });
}

object json_of(const Disk& disk) {
  const auto stack = [](const Stacked& stacked) { return json_of(stacked); };
  value connection;
  if (const auto& lasts = disk.connection)
    connection = object{{"kind", lasts->kind}, {"to_end_it", json_text(lasts->to_end_it)}};
  return {{"name", json_text(disk.name)},
          {"released", disk.is_released()},
          {"taken_apart", array_of(disk.taken_apart, stack)},
          {"kept_by", array_of(disk.kept_by, stack)},
          {"connection", connection},
          {"uses", uses_of(disk.uses)}};
}

object json_of(const Mounts& mounts) {
  const auto remote = [](const Mounts::Remote& mount) {
    return object{{"what", json_text(mount.type)}, {"where", json_text(mount.where)}};
  };
  return {{"count", mounts.count},
          {"remote", array_of(mounts.remote, remote)},
          {"lost", json_texts(mounts.lost)}};
}

object json_of(const Processes& processes) {
  const auto slow = [](const SlowProcesses& some) {
    return object{{"name", json_text(some.name)},
                  {"why", some.why},
                  {"pids", array(some.pids.begin(), some.pids.end())}};
  };
  return {{"count", processes.count},
          {"asked", processes.asked},
          {"killed", processes.killed},
          {"slow", array_of(processes.slow, slow)}};
}

object json_of(const Network& network) {
  const auto link = [](const Network::Link& up) {
    return object{{"name", json_text(up.name)}, {"addresses", json_texts(up.addresses)}};
  };
  return {{"links", array_of(network.links, link)},
          {"removed_by", json_texts(network.configured_by)},
          {"given_up", json_texts(network.given_up)},
          {"hears_packets", json_texts(network.hears_packets)}};
}

value json_of(const std::optional<ssh::Kept>& kept) {
  if (!kept) return nullptr;
  const auto guest = [](const ssh::Guest& who) {
    return object{{"name", json_text(who.name)},
                  {"root", who.is_root},
                  {"keys", who.keys},
                  {"password", who.has_password}};
  };
  return object{{"command", json_text(kept->command)},
                {"image_server", kept->by_image},
                {"host_server", !kept->companions.empty()},
                {"tried", kept->was_tried},
                {"guests", array_of(kept->guests, guest)}};
}

array array_of_disks(const Disks& disks) {
  return array_of(disks.disks, [](const Disk& disk) { return json_of(disk); });
}

object json_of(const Host& host) {
  return {{"kernel", json_text(host.kernel)},
          {"disks", host.disks_are_known ? value(array_of_disks(host.disks)) : value()},
          {"elsewhere", uses_of(host.disks.elsewhere)},
          {"mounts", json_of(host.mounts)},
          {"processes", json_of(host.processes)},
          {"consoles", object{{"log_to", json_texts(host.consoles.log_to)},
                              {"shell", text_or_null(host.consoles.interactive)}}},
          {"network", json_of(host.network)},
          {"ssh_session", host.ssh_session}};
}

/// Null where there is no command that ends, or no machine that goes on.
object way_back_of(const Forecast& forecast) {
  const auto& plan = forecast.plan;
  const auto obstacle = [](const Obstacle& found) {
    return object{{"what", json_text(found.what)}, {"mend", text_or_null(found.mend)}};
  };
  const bool on_machine = plan.scope == Scope::machine;
  const bool supervised = on_machine && plan.start == Start::supervise;
  const bool is_confirmed = on_machine && plan.confirm_within.count() != 0;
  return {
      {"command_ends", supervised ? value(way_back::after_the_command(plan.on_exit)) : value()},
      {"takeover_fails", on_machine ? value(way_back::after_a_failure(plan.on_failure)) : value()},
      {"not_confirmed",
       is_confirmed ? value(way_back::without_confirmation(plan.confirm_within)) : value()},
      {"obstacles", array_of(forecast.obstacles, obstacle)}};
}

}  // namespace

std::string json(const Forecast& forecast) {
  const auto& plan = forecast.plan;
  const object document{
      {"format", format},
      {"version", DBOOT_VERSION},
      {"refusals", json_texts(forecast.refusals)},
      {"image", json_of(forecast.image)},
      {"memory", json_of(forecast.memory)},
      {"from_host",
       array_of(forecast.from_host, [](const rootfs::Taken& taken) { return json_of(taken); })},
      {"payload", json_of(forecast.payload)},
      {"busybox", forecast.busybox.empty() ? value() : json_text(forecast.busybox)},
      {"plan", plan::to_json(plan)},
      {"ssh", json_of(forecast.ssh)},
      {"host", forecast.host ? value(json_of(*forecast.host)) : value()},
      {"way_back", way_back_of(forecast)}};
  return boost::json::serialize(document) + '\n';
}

}  // namespace dboot::forecast
