#pragma once

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "injector/network/configuration.hpp"
#include "injector/network/formats.hpp"
#include "shared/network/message.hpp"

/// Networks as the kernel gives them, put together.
namespace dboot::network {

inline constexpr std::string_view first_card("\x52\x54\x00\x00\x00\x01", 6);
inline constexpr std::string_view second_card("\x52\x54\x00\x00\x00\x02", 6);

inline int family_of(std::string_view address) {
  return address.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
}

inline std::string binary(std::string_view address) {
  std::string bytes(family_of(address) == AF_INET ? 4 : 16, '\0');
  EXPECT_EQ(::inet_pton(family_of(address), std::string(address).c_str(), bytes.data()), 1)
      << address;
  return bytes;
}

struct LinkWanted {
  int number = 2;
  std::string name = "eth0";
  std::string_view hardware_address = first_card;
  std::string_view permanent_address = first_card;
  std::string_view kind = "";
  std::string_view data = "";
  std::uint32_t parent = 0;
  std::uint32_t master = 0;
  std::uint32_t mtu = 1500;
  unsigned flags = IFF_UP;
};

inline std::string link(const LinkWanted& wanted) {
  ifinfomsg body{};
  body.ifi_index = wanted.number;
  body.ifi_type = ARPHRD_ETHER;
  body.ifi_flags = wanted.flags;
  netlink::Builder builder(RTM_NEWLINK, body);
  builder.put(IFLA_IFNAME, wanted.name + '\0').put_number(IFLA_MTU, wanted.mtu);
  builder.put(IFLA_ADDRESS, wanted.hardware_address);
  if (!wanted.permanent_address.empty()) builder.put(IFLA_PERM_ADDRESS, wanted.permanent_address);
  if (wanted.parent != 0) builder.put_number(IFLA_LINK, wanted.parent);
  if (wanted.master != 0) builder.put_number(IFLA_MASTER, wanted.master);
  if (!wanted.kind.empty())
    builder.put(IFLA_LINKINFO,
                netlink::nested({{IFLA_INFO_KIND, wanted.kind}, {IFLA_INFO_DATA, wanted.data}}));
  return builder.message().bytes();
}

inline std::string address(unsigned link, const std::string& text, std::uint8_t length,
                           std::uint8_t made_by = 0, const std::string& peer = "") {
  ifaddrmsg body{};
  body.ifa_family = static_cast<std::uint8_t>(family_of(text));
  body.ifa_prefixlen = length;
  body.ifa_index = link;
  body.ifa_scope = text.starts_with("fe80:") ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  netlink::Builder builder(RTM_NEWADDR, body);
  builder.put(IFA_ADDRESS, binary(peer.empty() ? text : peer)).put(IFA_LOCAL, binary(text));
  if (made_by != 0) builder.put_number(IFA_PROTO, made_by);
  return builder.message().bytes();
}

struct RouteWanted {
  std::string_view destination = "";  ///< empty: default
  std::uint8_t length = 0;
  std::string_view gateway = "";
  unsigned flags = 0;
  std::uint8_t protocol = RTPROT_STATIC;
  std::uint32_t table = RT_TABLE_MAIN;
  std::uint32_t metric = 0;
  std::string_view source = "";
};

inline std::string route(std::uint32_t link, const RouteWanted& wanted) {
  rtmsg body{};
  const auto& known = wanted.gateway.empty() ? wanted.destination : wanted.gateway;
  body.rtm_family = static_cast<std::uint8_t>(family_of(known));
  body.rtm_dst_len = wanted.length;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = wanted.protocol;
  body.rtm_type = RTN_UNICAST;
  body.rtm_flags = wanted.flags;
  netlink::Builder builder(RTM_NEWROUTE, body);
  builder.put_number(RTA_TABLE, wanted.table).put_number(RTA_OIF, link);
  if (!wanted.destination.empty()) builder.put(RTA_DST, binary(wanted.destination));
  if (!wanted.gateway.empty()) builder.put(RTA_GATEWAY, binary(wanted.gateway));
  if (wanted.metric != 0) builder.put_number(RTA_PRIORITY, wanted.metric);
  if (!wanted.source.empty()) builder.put(RTA_PREFSRC, binary(wanted.source));
  return builder.message().bytes();
}

inline fib_rule_hdr to_table() {
  fib_rule_hdr body{};
  body.family = AF_INET;
  body.action = FR_ACT_TO_TBL;
  return body;
}

/// As `ip rule add from 192.0.2.0/24 priority 100 table 200` makes it.
inline std::string rule() {
  auto body = to_table();
  body.src_len = 24;
  return netlink::Builder(RTM_NEWRULE, body)
      .put(FRA_SRC, binary("192.0.2.0"))
      .put_number(FRA_PRIORITY, std::uint32_t{100})
      .put_number(FRA_TABLE, std::uint32_t{200})
      .put_number(FRA_PROTOCOL, std::uint8_t{RTPROT_BOOT})
      .put_number(FRA_SUPPRESS_PREFIXLEN, std::uint32_t{0xFFFFFFFF})
      .message()
      .bytes();
}

inline std::string neighbour() {
  ndmsg body{};
  body.ndm_family = AF_INET;
  body.ndm_ifindex = 2;
  body.ndm_state = NUD_PERMANENT;
  return netlink::Builder(RTM_NEWNEIGH, body)
      .put(NDA_DST, binary("192.0.2.77"))
      .put(NDA_LLADDR, second_card)
      .message()
      .bytes();
}

/// A rented server: its gateway is on the link, and not in its network.
inline Network rented() {
  Network network;
  network.messages = {link({}), address(2, "192.0.2.10", 32),
                      route(2, {.gateway = "198.51.100.1", .flags = RTNH_F_ONLINK})};
  network.name_servers = {"9.9.9.9", "2620:fe::fe"};
  network.search_domains = {"example.org"};
  return network;
}

/// One address of IPv6, and a gateway that has one of the link alone.
inline Network of_ipv6() {
  Network network;
  network.messages = {link({}), address(2, "2001:db8::10", 128),
                      route(2, {.gateway = "fe80::1", .metric = 1024})};
  return network;
}

/// VLAN 100 on a bond of two cards.
inline Network layered() {
  const auto mode = std::uint8_t{4};
  const auto interval = std::uint32_t{100};
  const auto fast = std::uint8_t{1};
  const auto policy = std::uint8_t{1};
  const auto bond = netlink::nested({{IFLA_BOND_MODE, netlink::bytes_of(mode)},
                                     {IFLA_BOND_MIIMON, netlink::bytes_of(interval)},
                                     {IFLA_BOND_AD_LACP_RATE, netlink::bytes_of(fast)},
                                     {IFLA_BOND_XMIT_HASH_POLICY, netlink::bytes_of(policy)}});
  const auto id = std::uint16_t{100};
  const auto protocol = std::uint16_t{htons(ETH_P_8021Q)};
  const auto vlan = netlink::nested(
      {{IFLA_VLAN_ID, netlink::bytes_of(id)}, {IFLA_VLAN_PROTOCOL, netlink::bytes_of(protocol)}});
  Network network;
  network.messages = {link({.number = 2, .name = "eth0", .master = 4, .mtu = 9000}),
                      link({.number = 3,
                            .name = "eth1",
                            .permanent_address = second_card,
                            .master = 4,
                            .mtu = 9000}),
                      link({.number = 4,
                            .name = "bond0",
                            .permanent_address = "",
                            .kind = "bond",
                            .data = bond,
                            .mtu = 9000}),
                      link({.number = 5,
                            .name = "bond0.100",
                            .permanent_address = "",
                            .kind = "vlan",
                            .data = vlan,
                            .parent = 4}),
                      address(5, "192.0.2.10", 24)};
  return network;
}

/// A second way out, for whoever asks from one network.
inline Network with_rule() {
  Network network;
  network.messages = {link({}),
                      address(2, "192.0.2.10", 24),
                      route(2, {.gateway = "192.0.2.1", .metric = 100, .source = "192.0.2.10"}),
                      route(2, {.gateway = "192.0.2.254", .table = 200}),
                      rule(),
                      neighbour()};
  return network;
}

inline Configuration of(const std::vector<std::string>& messages,
                        const std::vector<std::string>& settings = {}) {
  Network network;
  network.messages = messages;
  network.settings = settings;
  return configuration_of(network);
}

inline std::string texts(const std::vector<File>& files) {
  std::string all;
  for (const auto& file : files) {
    EXPECT_TRUE(file.content.starts_with(origin)) << file.path;
    all += file.path + '\n' + file.content.substr(origin.size());
  }
  return all;
}

}  // namespace dboot::network
