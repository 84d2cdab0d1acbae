#include <algorithm>
#include <iterator>

#include "injector/network/formats.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::network {
namespace {

constexpr mode_t only_for_root = 0600;

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string list_of(const std::vector<std::string>& words) {
  return words.empty() ? "[]" : "[\"" + joined(words, "\", \"") + "\"]";
}

/// Lines of YAML. What is quoted has no quotes and no backslashes in it.
class Yaml {
 public:
  /// Keys below it are set with one more step.
  Yaml& open(int steps, std::string_view key) { return line(steps, key, ""); }
  Yaml& set(int steps, std::string_view key, std::string_view value) {
    return line(steps, key, value);
  }
  /// The keys of a mapping that is the item of a list; the first one has the dash.
  Yaml& item(int steps, const std::vector<std::pair<std::string, std::string>>& keys) {
    bool is_first = true;
    for (const auto& [key, value] : keys) {
      line(steps, (is_first ? "- " : "  ") + key, value);
      is_first = false;
    }
    return *this;
  }
  std::string text() { return std::move(text_); }

 private:
  Yaml& line(int steps, std::string_view key, std::string_view value) {
    text_.append(static_cast<std::size_t>(steps) * 2, ' ').append(key).append(":");
    if (!value.empty()) text_.append(" ").append(value);
    text_ += '\n';
    return *this;
  }

  std::string text_{origin};
};

constexpr int of_interface = 2;
constexpr int of_key = 3;
constexpr int below_key = 4;

std::string text_of(bool value) {
  return value ? "true" : "false";
}

/// What makes it.
struct Making {
  const Configuration& configuration;
  const Interface& interface;
  Yaml& yaml;

  void operator()(const Card& card) const {
    const auto& known_by =
        card.permanent_address.empty() ? interface.hardware_address : card.permanent_address;
    yaml.open(of_key, "match").set(below_key, "macaddress", quoted(known_by));
    yaml.set(of_key, "set-name", quoted(interface.name));
  }
  void operator()(const Vlan& vlan) const {
    yaml.set(of_key, "id", std::to_string(vlan.id)).set(of_key, "link", quoted(vlan.parent));
  }
  void operator()(const Bond& bond) const {
    set_parts();
    yaml.open(of_key, "parameters").set(below_key, "mode", bond.mode);
    if (bond.monitor_interval != 0)
      yaml.set(below_key, "mii-monitor-interval", std::to_string(bond.monitor_interval));
    if (bond.is_fast) yaml.set(below_key, "lacp-rate", "fast");
    if (!bond.hash_policy.empty()) yaml.set(below_key, "transmit-hash-policy", bond.hash_policy);
  }
  void operator()(const Bridge& bridge) const {
    set_parts();
    yaml.open(of_key, "parameters").set(below_key, "stp", text_of(bridge.has_spanning_tree));
  }

 private:
  void set_parts() const {
    yaml.set(of_key, "interfaces", list_of(parts_of(configuration, interface.name)));
  }
};

void add_routes(const Interface& interface, Yaml& yaml) {
  if (interface.routes.empty()) return;
  yaml.open(of_key, "routes");
  for (const auto& route : interface.routes) {
    const auto to =
        route.destination.empty() ? std::string(everything(route.family)) : route.destination;
    std::vector<std::pair<std::string, std::string>> keys{{"to", quoted(to)}};
    if (route.gateway.empty()) {
      keys.emplace_back("scope", "link");
    } else {
      keys.emplace_back("via", quoted(route.gateway));
    }
    if (route.is_on_link) keys.emplace_back("on-link", "true");
    if (!route.source.empty()) keys.emplace_back("from", quoted(route.source));
    if (route.metric) keys.emplace_back("metric", std::to_string(*route.metric));
    if (route.table) keys.emplace_back("table", std::to_string(*route.table));
    yaml.item(below_key, keys);
  }
}

void add_rules(const Interface& interface, Yaml& yaml) {
  if (interface.rules.empty()) return;
  yaml.open(of_key, "routing-policy");
  for (const auto& rule : interface.rules) {
    const auto from = rule.from.empty() ? std::string(everything(rule.family)) : rule.from;
    std::vector<std::pair<std::string, std::string>> keys{{"from", quoted(from)}};
    if (!rule.to.empty()) keys.emplace_back("to", quoted(rule.to));
    if (rule.mark) keys.emplace_back("mark", std::to_string(*rule.mark));
    keys.emplace_back("table", std::to_string(rule.table));
    keys.emplace_back("priority", std::to_string(rule.priority));
    yaml.item(below_key, keys);
  }
}

void add_name_servers(const Configuration& configuration, Yaml& yaml) {
  if (configuration.name_servers.empty() && configuration.search_domains.empty()) return;
  yaml.open(of_key, "nameservers");
  yaml.set(below_key, "addresses", list_of(configuration.name_servers));
  yaml.set(below_key, "search", list_of(configuration.search_domains));
}

void add_interface(const Configuration& configuration, const Interface& interface, Yaml& yaml) {
  yaml.open(of_interface, quoted(interface.name));
  std::visit(Making{configuration, interface, yaml}, interface.kind);
  if (!std::holds_alternative<Card>(interface.kind))
    yaml.set(of_key, "macaddress", quoted(interface.hardware_address));
  if (interface.mtu) yaml.set(of_key, "mtu", std::to_string(*interface.mtu));
  // What another file of the image says of it otherwise.
  yaml.set(of_key, "dhcp4", "false").set(of_key, "dhcp6", "false");
  yaml.set(of_key, "accept-ra", text_of(interface.hears_routers));
  if (!interface.has_ipv6) yaml.set(of_key, "link-local", "[]");
  std::vector<std::string> addresses;
  std::transform(interface.addresses.begin(), interface.addresses.end(),
                 std::back_inserter(addresses),
                 [](const Address& address) { return address.with_prefix; });
  if (!addresses.empty()) yaml.set(of_key, "addresses", list_of(addresses));
  add_routes(interface, yaml);
  add_rules(interface, yaml);
  if (&interface == way_to_name_servers(configuration)) add_name_servers(configuration, yaml);
}

template <class Kind>
void add_section(const Configuration& configuration, std::string_view name, Yaml& yaml) {
  bool is_open = false;
  for (const auto& interface : configuration.interfaces) {
    if (!std::holds_alternative<Kind>(interface.kind)) continue;
    if (!is_open) yaml.open(1, name);
    is_open = true;
    add_interface(configuration, interface, yaml);
  }
}

}  // namespace

std::vector<File> netplan_files(const Configuration& configuration) {
  Yaml yaml;
  yaml.open(0, "network").set(1, "version", "2");
  add_section<Card>(configuration, "ethernets", yaml);
  add_section<Bond>(configuration, "bonds", yaml);
  add_section<Bridge>(configuration, "bridges", yaml);
  add_section<Vlan>(configuration, "vlans", yaml);
  return {{"/etc/netplan/90-dboot.yaml", yaml.text(), only_for_root}};
}

}  // namespace dboot::network
