#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shared/plan/plan.hpp"

/// What a takeover keeps of the network.
namespace dboot::network {

enum class Family : std::uint8_t { ipv4, ipv6 };

struct Address {
  Family family = Family::ipv4;
  std::string with_prefix;  ///< "192.0.2.1/24"
};

struct Route {
  Family family = Family::ipv4;
  std::string destination;  ///< "192.0.2.0/24"; empty: default
  std::string gateway;      ///< empty: whoever is on the link
  bool is_on_link = false;  ///< the gateway is, whatever the addresses say
  std::optional<std::uint32_t> metric;
  std::string source;                  ///< that is preferred; empty: none
  std::optional<std::uint32_t> table;  ///< other than main
};

struct Rule {
  Family family = Family::ipv4;
  std::uint32_t priority = 0;
  std::string from;  ///< "192.0.2.0/24"; empty: all
  std::string to;
  std::optional<std::uint32_t> mark;
  std::uint32_t table = 0;
};

struct Neighbour {
  std::string address;
  std::string hardware_address;
};

struct Card {
  std::string permanent_address;  ///< empty: the driver tells none
};
struct Vlan {
  std::uint16_t id = 0;
  std::string parent;
};
struct Bond {
  std::string mode;                    ///< "802.3ad"
  std::uint32_t monitor_interval = 0;  ///< in milliseconds; 0: none
  bool is_fast = false;                ///< LACP, every second
  std::string hash_policy;             ///< "layer3+4"; empty: what a bond has by itself
};
struct Bridge {
  bool has_spanning_tree = false;
};
using KindOfInterface = std::variant<Card, Vlan, Bond, Bridge>;

struct Interface {
  std::string name;                  ///< letters, digits, '.', '_' and '-'
  std::string hardware_address;      ///< "52:54:00:12:34:56"
  bool is_alone_with_it = true;      ///< no other one has the same hardware address
  std::optional<std::uint32_t> mtu;  ///< other than Ethernet's own
  std::string master;                ///< the bond or bridge that it is part of
  KindOfInterface kind;
  bool has_ipv6 = true;
  bool hears_routers = false;  ///< takes addresses and routes from router advertisements
  std::vector<Address> addresses;
  std::vector<Route> routes;  ///< first those that others need to reach their gateways
  std::vector<Rule> rules;
  std::vector<Neighbour> neighbours;
};

struct Configuration {
  std::vector<Interface> interfaces;  ///< in the order of the kernel
  std::vector<std::string> name_servers;
  std::vector<std::string> search_domains;
  std::vector<std::string> left_out;  ///< what no format is told, as ip(8) would say it
};

/// What somebody has configured, of all that was recorded: not what the kernel makes by itself,
/// with an address or from router advertisements. Pure, and made for any record.
Configuration configuration_of(const Network& recorded);

/// Names of those that are part of a bond or a bridge.
std::vector<std::string> parts_of(const Configuration& configuration, const std::string& master);

}  // namespace dboot::network
