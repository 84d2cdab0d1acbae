#include <algorithm>
#include <iterator>

#include "injector/network/formats.hpp"
#include "injector/stream/digest.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::network {
namespace {

constexpr std::string_view directory = "/etc/NetworkManager/system-connections/dboot-";
constexpr mode_t only_for_root = 0600;

/// The same for the same interface, always: RFC 9562, version 8.
std::string uuid_of(const Interface& interface) {
  auto digits = digest_of("dboot " + interface.name + ' ' + interface.hardware_address).hexadecimal;
  digits.at(12) = '8';
  digits.at(16) = '8';
  return digits.substr(0, 8) + '-' + digits.substr(8, 4) + '-' + digits.substr(12, 4) + '-' +
         digits.substr(16, 4) + '-' + digits.substr(20, 12);
}

/// Sections of "key=value".
class KeyFile {
 public:
  KeyFile& section(std::string_view name) {
    text_.append("\n[").append(name).append("]\n");
    return *this;
  }
  KeyFile& set(std::string_view key, std::string_view value) {
    text_.append(key).append("=").append(value).append("\n");
    return *this;
  }
  std::string text() { return std::move(text_); }

 private:
  std::string text_{origin};
};

/// What belongs to the kind of the interface.
struct Making {
  const Interface& interface;
  KeyFile& file;

  void operator()(const Card& card) const {
    file.section("ethernet");
    file.set("mac-address",
             card.permanent_address.empty() ? interface.hardware_address : card.permanent_address);
    set_mtu();
  }
  void operator()(const Vlan& vlan) const {
    set_ethernet();
    file.section("vlan").set("id", std::to_string(vlan.id)).set("parent", vlan.parent);
  }
  void operator()(const Bond& bond) const {
    set_ethernet();
    file.section("bond").set("mode", bond.mode);
    if (bond.monitor_interval != 0) file.set("miimon", std::to_string(bond.monitor_interval));
    if (bond.is_fast) file.set("lacp_rate", "fast");
    if (!bond.hash_policy.empty()) file.set("xmit_hash_policy", bond.hash_policy);
  }
  void operator()(const Bridge& bridge) const {
    set_ethernet();
    file.section("bridge").set("stp", bridge.has_spanning_tree ? "true" : "false");
  }

 private:
  void set_ethernet() const {
    if (!interface.mtu) return;
    file.section("ethernet");
    set_mtu();
  }
  void set_mtu() const {
    if (interface.mtu) file.set("mtu", std::to_string(*interface.mtu));
  }
};

std::string_view type_of(const Interface& interface) {
  if (std::holds_alternative<Vlan>(interface.kind)) return "vlan";
  if (std::holds_alternative<Bond>(interface.kind)) return "bond";
  if (std::holds_alternative<Bridge>(interface.kind)) return "bridge";
  return "ethernet";
}

std::string route_line(const Route& route) {
  std::string text(route.destination.empty() ? everything(route.family) : route.destination);
  if (route.gateway.empty() && !route.metric) return text;
  // Of two values the second one is the gateway, also where there is none.
  text += ',' + (route.gateway.empty() ? (route.family == Family::ipv6 ? "::" : "0.0.0.0")
                                       : route.gateway);
  return route.metric ? text + ',' + std::to_string(*route.metric) : text;
}

std::string options_of(const Route& route) {
  std::vector<std::string> options;
  if (route.is_on_link) options.emplace_back("onlink=true");
  if (!route.source.empty()) options.push_back("src=" + route.source);
  if (route.table) options.push_back("table=" + std::to_string(*route.table));
  return joined(options, ",");
}

std::string rule_line(const Rule& rule) {
  auto text = "priority " + std::to_string(rule.priority);
  text += " from " + (rule.from.empty() ? std::string(everything(rule.family)) : rule.from);
  if (!rule.to.empty()) text += " to " + rule.to;
  if (rule.mark) text += " fwmark " + std::to_string(*rule.mark);
  return text + " table " + std::to_string(rule.table);
}

/// [ipv4] or [ipv6].
class FamilySection {
 public:
  FamilySection(const Configuration& configuration, const Interface& interface, Family family,
                KeyFile& file)
      : configuration_(configuration), interface_(interface), family_(family), file_(file) {}

  void write() {
    file_.section(family_ == Family::ipv6 ? "ipv6" : "ipv4");
    const auto addresses = of_family(interface_.addresses);
    file_.set("method", method(!addresses.empty()));
    for (const auto& address : addresses)
      file_.set(numbered("address", ++addresses_), address.with_prefix);
    for (const auto& route : of_family(interface_.routes)) {
      file_.set(numbered("route", ++routes_), route_line(route));
      const auto options = options_of(route);
      if (!options.empty()) file_.set(numbered("route", routes_) + "_options", options);
    }
    for (const auto& rule : of_family(interface_.rules))
      file_.set(numbered("routing-rule", ++rules_), rule_line(rule));
    if (&interface_ == way_to_name_servers(configuration_) && !addresses.empty())
      write_name_servers();
  }

 private:
  template <class Item>
  std::vector<Item> of_family(const std::vector<Item>& items) const {
    std::vector<Item> found;
    std::copy_if(items.begin(), items.end(), std::back_inserter(found),
                 [&](const Item& item) { return item.family == family_; });
    return found;
  }

  std::string_view method(bool has_address) const {
    if (family_ == Family::ipv6 && interface_.hears_routers) return "auto";
    if (has_address) return "manual";
    return family_ == Family::ipv6 && interface_.has_ipv6 ? "link-local" : "disabled";
  }

  static std::string numbered(std::string_view key, int number) {
    return std::string(key) + std::to_string(number);
  }

  /// Each server belongs to the family of its own address.
  void write_name_servers() {
    std::string servers;
    for (const auto& server : configuration_.name_servers) {
      const bool is_ipv6 = server.find(':') != std::string::npos;
      if (is_ipv6 == (family_ == Family::ipv6)) servers += server + ';';
    }
    if (!servers.empty()) file_.set("dns", servers);
    if (!configuration_.search_domains.empty())
      file_.set("dns-search", joined(configuration_.search_domains, ";") + ';');
  }

  const Configuration& configuration_;
  const Interface& interface_;
  Family family_;
  KeyFile& file_;
  int addresses_ = 0;
  int routes_ = 0;
  int rules_ = 0;
};

const Interface* find(const Configuration& configuration, const std::string& name) {
  const auto found = std::find_if(configuration.interfaces.begin(), configuration.interfaces.end(),
                                  [&](const Interface& one) { return one.name == name; });
  return found == configuration.interfaces.end() ? nullptr : &*found;
}

File connection_file(const Configuration& configuration, const Interface& interface) {
  KeyFile file;
  file.section("connection");
  file.set("id", "dboot-" + interface.name);
  file.set("uuid", uuid_of(interface));
  file.set("type", type_of(interface));
  // A card is known by its hardware address: its name may be another one.
  if (!std::holds_alternative<Card>(interface.kind)) file.set("interface-name", interface.name);
  const auto* const master = find(configuration, interface.master);
  if (master != nullptr) file.set("master", uuid_of(*master)).set("slave-type", type_of(*master));
  std::visit(Making{interface, file}, interface.kind);
  if (master == nullptr) {
    FamilySection(configuration, interface, Family::ipv4, file).write();
    FamilySection(configuration, interface, Family::ipv6, file).write();
  }
  return {std::string(directory) + interface.name + ".nmconnection", file.text(), only_for_root};
}

}  // namespace

std::vector<File> network_manager_files(const Configuration& configuration) {
  std::vector<File> files;
  std::transform(
      configuration.interfaces.begin(), configuration.interfaces.end(), std::back_inserter(files),
      [&](const Interface& interface) { return connection_file(configuration, interface); });
  return files;
}

}  // namespace dboot::network
