#include <algorithm>

#include "injector/network/formats.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::network {
namespace {

/// One "iface" and its options.
class Stanza {
 public:
  Stanza(std::string_view name, std::string_view method) {
    text_.append("iface ").append(name).append(" ").append(method).append("\n");
  }
  Stanza& set(std::string_view option, std::string_view value) {
    text_.append("    ").append(option).append(" ").append(value).append("\n");
    return *this;
  }
  std::string text() { return std::move(text_); }

 private:
  std::string text_;
};

std::string ip(Family family) {
  return family == Family::ipv6 ? "ip -6 " : "ip ";
}

/// In the place of the one that the kernel may still have.
std::string route_command(const Route& route, const std::string& name) {
  auto text = ip(route.family) + "route replace " +
              (route.destination.empty() ? "default" : route.destination);
  if (!route.gateway.empty()) text += " via " + route.gateway;
  text += " dev " + name;
  if (route.is_on_link) text += " onlink";
  if (!route.source.empty()) text += " src " + route.source;
  if (route.metric) text += " metric " + std::to_string(*route.metric);
  if (route.table) text += " table " + std::to_string(*route.table);
  return text;
}

/// A rule that the kernel still has is no failure.
std::string rule_command(const Rule& rule) {
  auto text = ip(rule.family) + "rule add priority " + std::to_string(rule.priority);
  text += " from " + (rule.from.empty() ? "all" : rule.from);
  if (!rule.to.empty()) text += " to " + rule.to;
  if (rule.mark) text += " fwmark " + std::to_string(*rule.mark);
  return text + " table " + std::to_string(rule.table) + " || true";
}

/// What makes it, where it is no card.
struct Making {
  const Configuration& configuration;
  const Interface& interface;
  Stanza& stanza;

  void operator()(const Card& /*card*/) const {}
  void operator()(const Vlan& vlan) const {
    stanza.set("vlan-raw-device", vlan.parent).set("vlan-id", std::to_string(vlan.id));
  }
  void operator()(const Bond& bond) const {
    stanza.set("bond-slaves", parts()).set("bond-mode", bond.mode);
    if (bond.monitor_interval != 0)
      stanza.set("bond-miimon", std::to_string(bond.monitor_interval));
    if (bond.is_fast) stanza.set("bond-lacp-rate", "fast");
    if (!bond.hash_policy.empty()) stanza.set("bond-xmit-hash-policy", bond.hash_policy);
  }
  void operator()(const Bridge& bridge) const {
    stanza.set("bridge_ports", parts()).set("bridge_stp", bridge.has_spanning_tree ? "on" : "off");
    stanza.set("bridge_fd", bridge.has_spanning_tree ? "15" : "0");
  }

  std::string parts() const {
    const auto names = parts_of(configuration, interface.name);
    return names.empty() ? "none" : joined(names, " ");
  }
};

class Writer {
 public:
  Writer(const Configuration& configuration, const Interface& interface)
      : configuration_(configuration), interface_(interface) {}

  std::string text() {
    // Whoever makes the bond or bridge takes it up: a bond takes none that is up already.
    const bool is_part = !interface_.master.empty() && interface_.addresses.empty();
    if (is_part) return '\n' + Stanza(interface_.name, "inet manual").text();
    text_ = "\nauto " + interface_.name + "\n";
    for (const auto& address : interface_.addresses) add_address(address);
    if (interface_.addresses.empty()) {
      Stanza stanza(interface_.name, "inet manual");
      begin(stanza);
      end(stanza);
      text_ += stanza.text();
    }
    return std::move(text_);
  }

 private:
  /// A stanza for each: the first one has what makes the interface, the last one of a family the
  /// routes, which need its addresses.
  void add_address(const Address& address) {
    const bool is_ipv6 = address.family == Family::ipv6;
    Stanza stanza(interface_.name, is_ipv6 ? "inet6 static" : "inet static");
    if (&address == &interface_.addresses.front()) begin(stanza);
    stanza.set("address", address.with_prefix);
    if (is_ipv6) {
      stanza.set("accept_ra", interface_.hears_routers ? "2" : "0");
      // It has been this machine's: nobody else is asked for it.
      stanza.set("dad-attempts", "0");
    }
    if (is_last_of_its_family(address)) add_routes(stanza, address.family);
    if (&address == &interface_.addresses.back()) end(stanza);
    text_ += stanza.text();
  }

  void begin(Stanza& stanza) const {
    std::visit(Making{configuration_, interface_, stanza}, interface_.kind);
    // ifup fails where the kernel has the address already.
    if (!interface_.addresses.empty())
      stanza.set("pre-up", "ip address flush dev " + interface_.name + " scope global || true");
    else
      stanza.set("up", "ip link set dev " + interface_.name + " up");
    if (interface_.mtu)
      stanza.set("up",
                 "ip link set dev " + interface_.name + " mtu " + std::to_string(*interface_.mtu));
    if (&interface_ != way_to_name_servers(configuration_)) return;
    if (!configuration_.name_servers.empty())
      stanza.set("dns-nameservers", joined(configuration_.name_servers, " "));
    if (!configuration_.search_domains.empty())
      stanza.set("dns-search", joined(configuration_.search_domains, " "));
  }

  bool has_address(Family family) const {
    return std::any_of(interface_.addresses.begin(), interface_.addresses.end(),
                       [&](const Address& address) { return address.family == family; });
  }

  bool is_last_of_its_family(const Address& address) const {
    return std::none_of(&address + 1, &interface_.addresses.back() + 1,
                        [&](const Address& other) { return other.family == address.family; });
  }

  void add_routes(Stanza& stanza, Family family) const {
    for (const auto& route : interface_.routes) {
      if (route.family == family) stanza.set("up", route_command(route, interface_.name));
    }
  }

  /// What is of the interface, or of a family without an address.
  void end(Stanza& stanza) const {
    for (const auto family : {Family::ipv4, Family::ipv6}) {
      if (!has_address(family)) add_routes(stanza, family);
    }
    for (const auto& rule : interface_.rules) stanza.set("up", rule_command(rule));
    for (const auto& neighbour : interface_.neighbours)
      stanza.set("up", "ip neighbour replace " + neighbour.address + " lladdr " +
                           neighbour.hardware_address + " dev " + interface_.name +
                           " nud permanent");
  }

  const Configuration& configuration_;
  const Interface& interface_;
  std::string text_;
};

}  // namespace

std::vector<File> ifupdown_files(const Configuration& configuration) {
  auto text = std::string(origin) + "\nauto lo\niface lo inet loopback\n";
  for (const auto& interface : configuration.interfaces)
    text += Writer(configuration, interface).text();
  return {{"/etc/network/interfaces", std::move(text)}};
}

}  // namespace dboot::network
