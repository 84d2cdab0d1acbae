#include "injector/network/formats.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::network {
namespace {

constexpr std::string_view directory = "/etc/systemd/network/10-dboot-";

/// Sections of "Key=value".
class Unit {
 public:
  Unit& section(std::string_view name) {
    text_.append("\n[").append(name).append("]\n");
    return *this;
  }
  Unit& set(std::string_view key, std::string_view value) {
    text_.append(key).append("=").append(value).append("\n");
    return *this;
  }
  Unit& set(std::string_view key, std::uint64_t value) { return set(key, std::to_string(value)); }
  Unit& set_unless_empty(std::string_view key, std::string_view value) {
    return value.empty() ? *this : set(key, value);
  }
  std::string text() { return std::move(text_); }

 private:
  std::string text_{origin};
};

/// VLANs and bonds have the hardware address of a card, and no permanent one.
void match(const Interface& interface, Unit& unit) {
  unit.section("Match");
  const auto* const card = std::get_if<Card>(&interface.kind);
  const std::string permanent = card == nullptr ? "" : card->permanent_address;
  const bool is_own = permanent.empty() || permanent == interface.hardware_address;
  if (card == nullptr) {
    unit.set("Name", interface.name);
  } else if (is_own && interface.is_alone_with_it) {
    unit.set("MACAddress", interface.hardware_address);
  } else if (!permanent.empty()) {
    unit.set("PermanentMACAddress", permanent);
  } else {
    unit.set("MACAddress", interface.hardware_address).set("Name", interface.name);
  }
}

void add_route(const Route& route, Unit& unit) {
  unit.section("Route");
  unit.set("Destination", route.destination.empty() ? everything(route.family) : route.destination);
  unit.set_unless_empty("Gateway", route.gateway);
  if (route.is_on_link) unit.set("GatewayOnLink", "yes");
  if (route.metric) unit.set("Metric", *route.metric);
  unit.set_unless_empty("PreferredSource", route.source);
  if (route.table) unit.set("Table", *route.table);
}

void add_rule(const Rule& rule, Unit& unit) {
  unit.section("RoutingPolicyRule");
  unit.set("Family", rule.family == Family::ipv6 ? "ipv6" : "ipv4");
  unit.set("Priority", rule.priority);
  unit.set_unless_empty("From", rule.from).set_unless_empty("To", rule.to);
  if (rule.mark) unit.set("FirewallMark", *rule.mark);
  unit.set("Table", rule.table);
}

/// What lies on it names it.
void add_links(const Configuration& configuration, const Interface& interface, Unit& unit) {
  for (const auto& other : configuration.interfaces) {
    const auto* const vlan = std::get_if<Vlan>(&other.kind);
    if (vlan != nullptr && vlan->parent == interface.name) unit.set("VLAN", other.name);
    if (other.name == interface.master)
      unit.set(std::holds_alternative<Bond>(other.kind) ? "Bond" : "Bridge", other.name);
  }
}

File network_file(const Configuration& configuration, const Interface& interface) {
  Unit unit;
  match(interface, unit);
  if (interface.mtu) unit.section("Link").set("MTUBytes", *interface.mtu);
  unit.section("Network");
  add_links(configuration, interface, unit);
  unit.set("DHCP", "no").set("IPv6AcceptRA", interface.hears_routers ? "yes" : "no");
  if (!interface.master.empty() || !interface.has_ipv6) unit.set("LinkLocalAddressing", "no");
  for (const auto& address : interface.addresses) unit.set("Address", address.with_prefix);
  if (&interface == way_to_name_servers(configuration)) {
    for (const auto& server : configuration.name_servers) unit.set("DNS", server);
    unit.set_unless_empty("Domains", joined(configuration.search_domains, " "));
  }
  for (const auto& route : interface.routes) add_route(route, unit);
  for (const auto& rule : interface.rules) add_rule(rule, unit);
  for (const auto& [address, hardware_address] : interface.neighbours)
    unit.section("Neighbor").set("Address", address).set("LinkLayerAddress", hardware_address);
  return {std::string(directory) + interface.name + ".network", unit.text()};
}

void begin_device(const Interface& interface, std::string_view kind, Unit& unit) {
  unit.section("NetDev").set("Name", interface.name).set("Kind", kind);
  unit.set("MACAddress", interface.hardware_address);
  if (interface.mtu) unit.set("MTUBytes", *interface.mtu);
}

/// What makes an interface that is no card.
struct Device {
  const Interface& interface;
  Unit& unit;

  bool operator()(const Card& /*card*/) const { return false; }
  bool operator()(const Vlan& vlan) const {
    begin_device(interface, "vlan", unit);
    unit.section("VLAN").set("Id", vlan.id);
    return true;
  }
  bool operator()(const Bond& bond) const {
    begin_device(interface, "bond", unit);
    unit.section("Bond").set("Mode", bond.mode);
    if (bond.monitor_interval != 0)
      unit.set("MIIMonitorSec", std::to_string(bond.monitor_interval) + "ms");
    if (bond.is_fast) unit.set("LACPTransmitRate", "fast");
    unit.set_unless_empty("TransmitHashPolicy", bond.hash_policy);
    return true;
  }
  bool operator()(const Bridge& bridge) const {
    begin_device(interface, "bridge", unit);
    unit.section("Bridge").set("STP", bridge.has_spanning_tree ? "yes" : "no");
    return true;
  }
};

}  // namespace

std::vector<File> networkd_files(const Configuration& configuration) {
  std::vector<File> files;
  for (const auto& interface : configuration.interfaces) {
    Unit device;
    if (std::visit(Device{interface, device}, interface.kind))
      files.push_back({std::string(directory) + interface.name + ".netdev", device.text()});
    files.push_back(network_file(configuration, interface));
  }
  return files;
}

}  // namespace dboot::network
