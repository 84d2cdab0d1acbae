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

/// All of it is said to the kernel by ip(8), which leaves what is there already: the method
/// "static" fails over an address that the interface has, and to take it away first would take
/// along what lies on it.
class Writer {
 public:
  Writer(const Configuration& configuration, const Interface& interface)
      : configuration_(configuration),
        interface_(interface),
        stanza_(interface.name, "inet manual") {}

  std::string text() {
    // Whoever makes the bond or bridge takes it up: a bond takes none that is up already.
    const bool is_part = !interface_.master.empty() && interface_.addresses.empty();
    if (is_part) return '\n' + stanza_.text();
    std::visit(Making{configuration_, interface_, stanza_}, interface_.kind);
    add_name_servers();
    up("ip link set dev " + interface_.name + " up" +
       (interface_.mtu ? " mtu " + std::to_string(*interface_.mtu) : ""));
    for (const auto& address : interface_.addresses) add_address(address);
    for (const auto& route : interface_.routes) up(route_command(route, interface_.name));
    for (const auto& rule : interface_.rules) up(rule_command(rule));
    for (const auto& [address, hardware_address] : interface_.neighbours)
      up(joined({"ip neighbour replace", address, "lladdr", hardware_address, "dev",
                 interface_.name, "nud permanent"},
                " "));
    return "\nauto " + interface_.name + '\n' + stanza_.text();
  }

 private:
  void up(const std::string& command) { stanza_.set("up", command); }

  void add_name_servers() {
    if (&interface_ != way_to_name_servers(configuration_)) return;
    if (!configuration_.name_servers.empty())
      stanza_.set("dns-nameservers", joined(configuration_.name_servers, " "));
    if (!configuration_.search_domains.empty())
      stanza_.set("dns-search", joined(configuration_.search_domains, " "));
  }

  void add_address(const Address& address) {
    // It has been this machine's: nobody else is asked for it.
    const auto* const without_question = address.family == Family::ipv6 ? " nodad" : "";
    up(ip(address.family) + "address replace " + address.with_prefix + " dev " + interface_.name +
       without_question);
  }

  const Configuration& configuration_;
  const Interface& interface_;
  Stanza stanza_;
};

}  // namespace

std::vector<File> ifupdown_files(const Configuration& configuration) {
  auto text = std::string(origin) + "\nauto lo\niface lo inet loopback\n";
  for (const auto& interface : configuration.interfaces)
    text += Writer(configuration, interface).text();
  return {{"/etc/network/interfaces", std::move(text)}};
}

}  // namespace dboot::network
