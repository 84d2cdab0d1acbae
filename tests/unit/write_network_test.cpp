// What was recorded of the network, as the configuration of an image.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "injector/failure.hpp"
#include "injector/network/formats.hpp"
#include "injector/network/write.hpp"
#include "shared/network/message.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::network {
namespace {

namespace fs = std::filesystem;
using netlink::Builder;
using netlink::bytes_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::string_view first_card("\x52\x54\x00\x00\x00\x01", 6);
constexpr std::string_view second_card("\x52\x54\x00\x00\x00\x02", 6);

int family_of(std::string_view address) {
  return address.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
}

std::string binary(std::string_view address) {
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

std::string link(const LinkWanted& wanted) {
  ifinfomsg body{};
  body.ifi_index = wanted.number;
  body.ifi_type = ARPHRD_ETHER;
  body.ifi_flags = wanted.flags;
  Builder builder(RTM_NEWLINK, body);
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

std::string address(unsigned link, const std::string& text, std::uint8_t length,
                    std::uint8_t origin = 0, const std::string& peer = "") {
  ifaddrmsg body{};
  body.ifa_family = static_cast<std::uint8_t>(family_of(text));
  body.ifa_prefixlen = length;
  body.ifa_index = link;
  body.ifa_scope = text.starts_with("fe80:") ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  Builder builder(RTM_NEWADDR, body);
  builder.put(IFA_ADDRESS, binary(peer.empty() ? text : peer)).put(IFA_LOCAL, binary(text));
  if (origin != 0) builder.put_number(IFA_PROTO, origin);
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

std::string route(std::uint32_t link, const RouteWanted& wanted) {
  rtmsg body{};
  const auto& known = wanted.gateway.empty() ? wanted.destination : wanted.gateway;
  body.rtm_family = static_cast<std::uint8_t>(family_of(known));
  body.rtm_dst_len = wanted.length;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = wanted.protocol;
  body.rtm_type = RTN_UNICAST;
  body.rtm_flags = wanted.flags;
  Builder builder(RTM_NEWROUTE, body);
  builder.put_number(RTA_TABLE, wanted.table).put_number(RTA_OIF, link);
  if (!wanted.destination.empty()) builder.put(RTA_DST, binary(wanted.destination));
  if (!wanted.gateway.empty()) builder.put(RTA_GATEWAY, binary(wanted.gateway));
  if (wanted.metric != 0) builder.put_number(RTA_PRIORITY, wanted.metric);
  if (!wanted.source.empty()) builder.put(RTA_PREFSRC, binary(wanted.source));
  return builder.message().bytes();
}

fib_rule_hdr to_table() {
  fib_rule_hdr body{};
  body.family = AF_INET;
  body.action = FR_ACT_TO_TBL;
  return body;
}

/// As `ip rule add from 192.0.2.0/24 priority 100 table 200` makes it.
std::string rule() {
  auto body = to_table();
  body.src_len = 24;
  return Builder(RTM_NEWRULE, body)
      .put(FRA_SRC, binary("192.0.2.0"))
      .put_number(FRA_PRIORITY, std::uint32_t{100})
      .put_number(FRA_TABLE, std::uint32_t{200})
      .put_number(FRA_PROTOCOL, std::uint8_t{RTPROT_BOOT})
      .put_number(FRA_SUPPRESS_PREFIXLEN, std::uint32_t{0xFFFFFFFF})
      .message()
      .bytes();
}

std::string neighbour() {
  ndmsg body{};
  body.ndm_family = AF_INET;
  body.ndm_ifindex = 2;
  body.ndm_state = NUD_PERMANENT;
  return Builder(RTM_NEWNEIGH, body)
      .put(NDA_DST, binary("192.0.2.77"))
      .put(NDA_LLADDR, second_card)
      .message()
      .bytes();
}

/// A rented server: its gateway is on the link, and not in its network.
Network rented() {
  Network network;
  network.messages = {link({}), address(2, "192.0.2.10", 32),
                      route(2, {.gateway = "198.51.100.1", .flags = RTNH_F_ONLINK})};
  network.name_servers = {"9.9.9.9", "2620:fe::fe"};
  network.search_domains = {"example.org"};
  return network;
}

/// One address of IPv6, and a gateway that has one of the link alone.
Network of_ipv6() {
  Network network;
  network.messages = {link({}), address(2, "2001:db8::10", 128),
                      route(2, {.gateway = "fe80::1", .metric = 1024})};
  return network;
}

/// VLAN 100 on a bond of two cards.
Network layered() {
  const auto mode = std::uint8_t{4};
  const auto interval = std::uint32_t{100};
  const auto fast = std::uint8_t{1};
  const auto policy = std::uint8_t{1};
  const auto bond = netlink::nested({{IFLA_BOND_MODE, bytes_of(mode)},
                                     {IFLA_BOND_MIIMON, bytes_of(interval)},
                                     {IFLA_BOND_AD_LACP_RATE, bytes_of(fast)},
                                     {IFLA_BOND_XMIT_HASH_POLICY, bytes_of(policy)}});
  const auto id = std::uint16_t{100};
  const auto protocol = std::uint16_t{htons(ETH_P_8021Q)};
  const auto vlan =
      netlink::nested({{IFLA_VLAN_ID, bytes_of(id)}, {IFLA_VLAN_PROTOCOL, bytes_of(protocol)}});
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
Network with_rule() {
  Network network;
  network.messages = {link({}),
                      address(2, "192.0.2.10", 24),
                      route(2, {.gateway = "192.0.2.1", .metric = 100, .source = "192.0.2.10"}),
                      route(2, {.gateway = "192.0.2.254", .table = 200}),
                      rule(),
                      neighbour()};
  return network;
}

Configuration of(const std::vector<std::string>& messages,
                 const std::vector<std::string>& settings = {}) {
  Network network;
  network.messages = messages;
  network.settings = settings;
  return configuration_of(network);
}

std::string texts(const std::vector<File>& files) {
  std::string all;
  for (const auto& file : files) {
    EXPECT_TRUE(file.content.starts_with(origin)) << file.path;
    all += file.path + '\n' + file.content.substr(origin.size());
  }
  return all;
}

TEST(Configuration, HasNothingOfWhatTheKernelMakesItself) {
  constexpr std::uint8_t of_link = 3;
  const auto made =
      of({link({}), address(2, "192.0.2.10", 24), address(2, "fe80::1:2", 64, of_link),
          route(2, {.destination = "192.0.2.0", .length = 24, .protocol = RTPROT_KERNEL})});
  ASSERT_THAT(made.interfaces, SizeIs(1));
  EXPECT_THAT(made.interfaces[0].addresses, SizeIs(1));
  EXPECT_THAT(made.interfaces[0].routes, IsEmpty());
  EXPECT_THAT(made.left_out, IsEmpty());
}

TEST(Configuration, LeavesToRoutersWhatComesFromThem) {
  constexpr std::uint8_t from_router = 2;
  const std::vector<std::string> messages{link({}), address(2, "192.0.2.10", 24),
                                          address(2, "2001:db8::5054", 64, from_router),
                                          route(2, {.gateway = "fe80::1", .protocol = RTPROT_RA})};
  const auto hears = of(messages, {"ipv6/conf/eth0/accept_ra=1", "ipv6/conf/eth0/forwarding=0"});
  ASSERT_THAT(hears.interfaces, SizeIs(1));
  EXPECT_TRUE(hears.interfaces[0].hears_routers);
  EXPECT_THAT(hears.interfaces[0].addresses, SizeIs(1));
  EXPECT_THAT(hears.interfaces[0].routes, IsEmpty());
  // Somebody else than the kernel has listened.
  const auto deaf = of(messages, {"ipv6/conf/eth0/accept_ra=0", "ipv6/conf/eth0/forwarding=0"});
  ASSERT_THAT(deaf.interfaces, SizeIs(1));
  EXPECT_THAT(deaf.interfaces[0].addresses, SizeIs(2));
  EXPECT_THAT(deaf.interfaces[0].routes, SizeIs(1));
}

/// Without it, the rule would be met by everything.
TEST(Configuration, LeavesOutARuleWithAConditionThatNobodyKnows) {
  fib_rule_hdr body{};
  body.family = AF_INET;
  body.action = FR_ACT_TO_TBL;
  constexpr std::uint64_t tunnel = 7;
  Network network;
  network.messages = {netlink::Builder(RTM_NEWRULE, body)
                          .put_number(FRA_PRIORITY, std::uint32_t{100})
                          .put_number(FRA_TABLE, std::uint32_t{100})
                          .put_number(FRA_TUN_ID, tunnel)
                          .message()
                          .bytes()};
  EXPECT_THAT(configuration_of(network).left_out, ElementsAre("rule priority 100 table 100"));
}

TEST(Configuration, LeavesIpv6OffWhereItIs) {
  const auto made = of({link({}), address(2, "192.0.2.10", 24)}, {"ipv6/conf/eth0/disable_ipv6=1"});
  EXPECT_THAT(texts(networkd_files(made)), HasSubstr("LinkLocalAddressing=no\n"));
  EXPECT_THAT(texts(network_manager_files(made)), HasSubstr("[ipv6]\nmethod=disabled\n"));
  EXPECT_THAT(texts(netplan_files(made)), HasSubstr("link-local: []\n"));
}

TEST(Configuration, NamesALinkLocalAddressThatSomebodyHasChosen) {
  constexpr std::uint8_t of_loopback = 1;
  const auto messages = [](bool tells) {
    return std::vector<std::string>{
        link({}), link({.number = 1, .name = "lo"}),
        address(1, "127.0.0.1", 8, tells ? of_loopback : std::uint8_t{0}),
        address(2, "192.0.2.10", 24), address(2, "fe80::1", 64)};
  };
  EXPECT_THAT(of(messages(true)).interfaces.at(0).addresses, SizeIs(2));
  // A program makes them in the kernel's place.
  EXPECT_THAT(of(messages(true), {"ipv6/conf/eth0/addr_gen_mode=1"}).interfaces.at(0).addresses,
              SizeIs(1));
  // An old kernel does not say who has.
  EXPECT_THAT(of(messages(false)).interfaces.at(0).addresses, SizeIs(1));
}

TEST(Configuration, HasAPeerAsTheWayThere) {
  const auto made = of({link({}), address(2, "192.0.2.10", 32, 0, "198.51.100.1")});
  ASSERT_THAT(made.interfaces, SizeIs(1));
  EXPECT_EQ(made.interfaces[0].addresses.at(0).with_prefix, "192.0.2.10/32");
  EXPECT_EQ(made.interfaces[0].routes.at(0).destination, "198.51.100.1/32");
}

TEST(Configuration, TellsWhatNoFormatIsTold) {
  const auto wireguard = link({.number = 3, .name = "wg0", .kind = "wireguard"});
  auto not_marked = to_table();
  not_marked.flags = FIB_RULE_INVERT;
  const auto inverted = Builder(RTM_NEWRULE, not_marked)
                            .put_number(FRA_PRIORITY, std::uint32_t{7})
                            .put_number(FRA_TABLE, std::uint32_t{200})
                            .message()
                            .bytes();
  rtmsg nowhere{};
  nowhere.rtm_family = AF_INET;
  nowhere.rtm_dst_len = 8;
  nowhere.rtm_table = RT_TABLE_MAIN;
  nowhere.rtm_protocol = RTPROT_STATIC;
  nowhere.rtm_type = RTN_UNREACHABLE;
  const auto unreachable =
      Builder(RTM_NEWROUTE, nowhere).put(RTA_DST, binary("10.0.0.0")).message().bytes();
  const auto made = of({link({}), wireguard, address(2, "192.0.2.10", 24),
                        address(3, "10.9.0.1", 24), unreachable, inverted});
  EXPECT_THAT(made.interfaces, SizeIs(1));
  EXPECT_THAT(made.left_out, ElementsAre("route unreachable 10.0.0.0/8",
                                         "rule priority 7 table 200", "link wg0 mtu 1500 up"));
}

TEST(Configuration, HasNoBridgeOfContainers) {
  const auto docker = link({.number = 3, .name = "docker0", .kind = "bridge"});
  const auto end = link({.number = 4, .name = "veth1", .kind = "veth", .master = 3});
  const auto made =
      of({link({}), docker, end, address(2, "192.0.2.10", 24), address(3, "172.17.0.1", 16)});
  EXPECT_THAT(made.interfaces, SizeIs(1));
  EXPECT_THAT(made.left_out, ElementsAre(HasSubstr("docker0")));
}

TEST(Configuration, HasABridgeOfACardAndOfNoneOfItsContainers) {
  const auto bridge = link({.number = 3, .name = "br0", .permanent_address = "", .kind = "bridge"});
  const auto end = link({.number = 4, .name = "veth1", .kind = "veth", .master = 3});
  const auto made = of({link({.master = 3}), bridge, end, address(3, "192.0.2.10", 24)});
  ASSERT_THAT(made.interfaces, SizeIs(2));
  EXPECT_THAT(parts_of(made, "br0"), ElementsAre("eth0"));
  EXPECT_THAT(
      texts(networkd_files(made)),
      AllOf(HasSubstr("Kind=bridge"), HasSubstr("[Bridge]\nSTP=no\n"), HasSubstr("Bridge=br0\n")));
  EXPECT_THAT(texts(ifupdown_files(made)), HasSubstr("bridge_ports eth0\n    bridge_stp off\n"));
  EXPECT_THAT(texts(network_manager_files(made)), HasSubstr("slave-type=bridge\n"));
  EXPECT_THAT(texts(netplan_files(made)), HasSubstr("      interfaces: [\"eth0\"]\n"));
}

TEST(Configuration, OfALinkOfANameWithOddBytesIsLeftOut) {
  for (const std::string name : {"eth\"0", "a;b", "-x", "..", "x\x1b[0m", "e\\th", "$(id)"}) {
    const auto made = of({link({.name = name}), address(2, "192.0.2.10", 24)});
    EXPECT_THAT(made.interfaces, IsEmpty()) << name;
    EXPECT_THAT(made.left_out, SizeIs(1)) << name;
  }
}

TEST(Configuration, OfLinksInACircleEnds) {
  const auto id = std::uint16_t{1};
  const auto protocol = std::uint16_t{htons(ETH_P_8021Q)};
  const auto data =
      netlink::nested({{IFLA_VLAN_ID, bytes_of(id)}, {IFLA_VLAN_PROTOCOL, bytes_of(protocol)}});
  const auto made = of({link({.number = 2, .name = "a", .kind = "vlan", .data = data, .parent = 3}),
                        link({.number = 3, .name = "b", .kind = "vlan", .data = data, .parent = 2}),
                        address(2, "192.0.2.10", 24), "no message"});
  EXPECT_THAT(made.interfaces, IsEmpty());
}

TEST(Configuration, TakesOfTheResolverWhatIsAnAddressOrAName) {
  auto network = rented();
  network.name_servers = {"9.9.9.9", "9.9.9.9\"x", "fe80::1%eth0", "$(id)", "127.0.0.53", "::1"};
  network.search_domains = {"example.org", "a b", "\"", "."};
  const auto made = configuration_of(network);
  EXPECT_THAT(made.name_servers, ElementsAre("9.9.9.9"));
  EXPECT_THAT(made.search_domains, ElementsAre("example.org", "."));
}

TEST(Networkd, IsToldOfARentedServer) {
  EXPECT_EQ(texts(networkd_files(configuration_of(rented()))),
            R"(/etc/systemd/network/10-dboot-eth0.network

[Match]
MACAddress=52:54:00:00:00:01

[Network]
DHCP=no
IPv6AcceptRA=no
Address=192.0.2.10/32
DNS=9.9.9.9
DNS=2620:fe::fe
Domains=example.org

[Route]
Destination=0.0.0.0/0
Gateway=198.51.100.1
GatewayOnLink=yes
)");
}

TEST(Networkd, IsToldOfIpv6) {
  EXPECT_EQ(texts(networkd_files(configuration_of(of_ipv6()))),
            R"(/etc/systemd/network/10-dboot-eth0.network

[Match]
MACAddress=52:54:00:00:00:01

[Network]
DHCP=no
IPv6AcceptRA=no
Address=2001:db8::10/128

[Route]
Destination=::/0
Gateway=fe80::1
)");
}

TEST(Networkd, IsToldOfLayers) {
  EXPECT_EQ(texts(networkd_files(configuration_of(layered()))),
            R"(/etc/systemd/network/10-dboot-eth0.network

[Match]
PermanentMACAddress=52:54:00:00:00:01

[Link]
MTUBytes=9000

[Network]
Bond=bond0
DHCP=no
IPv6AcceptRA=no
LinkLocalAddressing=no
/etc/systemd/network/10-dboot-eth1.network

[Match]
PermanentMACAddress=52:54:00:00:00:02

[Link]
MTUBytes=9000

[Network]
Bond=bond0
DHCP=no
IPv6AcceptRA=no
LinkLocalAddressing=no
/etc/systemd/network/10-dboot-bond0.netdev

[NetDev]
Name=bond0
Kind=bond
MACAddress=52:54:00:00:00:01
MTUBytes=9000

[Bond]
Mode=802.3ad
MIIMonitorSec=100ms
LACPTransmitRate=fast
TransmitHashPolicy=layer3+4
/etc/systemd/network/10-dboot-bond0.network

[Match]
Name=bond0

[Link]
MTUBytes=9000

[Network]
VLAN=bond0.100
DHCP=no
IPv6AcceptRA=no
/etc/systemd/network/10-dboot-bond0.100.netdev

[NetDev]
Name=bond0.100
Kind=vlan
MACAddress=52:54:00:00:00:01
MTUBytes=1500

[VLAN]
Id=100
/etc/systemd/network/10-dboot-bond0.100.network

[Match]
Name=bond0.100

[Link]
MTUBytes=1500

[Network]
DHCP=no
IPv6AcceptRA=no
Address=192.0.2.10/24
)");
}

TEST(Networkd, IsToldOfARule) {
  EXPECT_EQ(texts(networkd_files(configuration_of(with_rule()))),
            R"(/etc/systemd/network/10-dboot-eth0.network

[Match]
MACAddress=52:54:00:00:00:01

[Network]
DHCP=no
IPv6AcceptRA=no
Address=192.0.2.10/24

[Route]
Destination=0.0.0.0/0
Gateway=192.0.2.1
Metric=100
PreferredSource=192.0.2.10

[Route]
Destination=0.0.0.0/0
Gateway=192.0.2.254
Table=200

[RoutingPolicyRule]
Family=ipv4
Priority=100
From=192.0.2.0/24
Table=200

[Neighbor]
Address=192.0.2.77
LinkLayerAddress=52:54:00:00:00:02
)");
}

TEST(Ifupdown, IsToldOfARentedServer) {
  EXPECT_EQ(texts(ifupdown_files(configuration_of(rented()))), R"(/etc/network/interfaces

auto lo
iface lo inet loopback

auto eth0
iface eth0 inet manual
    dns-nameservers 9.9.9.9 2620:fe::fe
    dns-search example.org
    up ip link set dev eth0 up
    up ip address replace 192.0.2.10/32 dev eth0
    up ip route replace default via 198.51.100.1 dev eth0 onlink
)");
}

TEST(Ifupdown, IsToldOfIpv6) {
  EXPECT_EQ(texts(ifupdown_files(configuration_of(of_ipv6()))), R"(/etc/network/interfaces

auto lo
iface lo inet loopback

auto eth0
iface eth0 inet manual
    up ip link set dev eth0 up
    up ip -6 address replace 2001:db8::10/128 dev eth0 nodad
    up ip -6 route replace default via fe80::1 dev eth0
)");
}

TEST(Ifupdown, IsToldOfLayers) {
  EXPECT_EQ(texts(ifupdown_files(configuration_of(layered()))), R"(/etc/network/interfaces

auto lo
iface lo inet loopback

iface eth0 inet manual

iface eth1 inet manual

auto bond0
iface bond0 inet manual
    bond-slaves eth0 eth1
    bond-mode 802.3ad
    bond-miimon 100
    bond-lacp-rate fast
    bond-xmit-hash-policy layer3+4
    up ip link set dev bond0 up mtu 9000

auto bond0.100
iface bond0.100 inet manual
    vlan-raw-device bond0
    vlan-id 100
    up ip link set dev bond0.100 up mtu 1500
    up ip address replace 192.0.2.10/24 dev bond0.100
)");
}

TEST(Ifupdown, IsToldOfARule) {
  EXPECT_EQ(texts(ifupdown_files(configuration_of(with_rule()))), R"(/etc/network/interfaces

auto lo
iface lo inet loopback

auto eth0
iface eth0 inet manual
    up ip link set dev eth0 up
    up ip address replace 192.0.2.10/24 dev eth0
    up ip route replace default via 192.0.2.1 dev eth0 src 192.0.2.10 metric 100
    up ip route replace default via 192.0.2.254 dev eth0 table 200
    up ip rule add priority 100 from 192.0.2.0/24 table 200 || true
    up ip neighbour replace 192.0.2.77 lladdr 52:54:00:00:00:02 dev eth0 nud permanent
)");
}

TEST(Ifupdown, HasAllAddressesBeforeTheRoutes) {
  const auto made = of({link({}), address(2, "192.0.2.10", 24), address(2, "192.0.2.11", 24),
                        address(2, "2001:db8::10", 64), route(2, {.gateway = "192.0.2.1"}),
                        route(2, {.gateway = "2001:db8::1"})});
  EXPECT_EQ(texts(ifupdown_files(made)), R"(/etc/network/interfaces

auto lo
iface lo inet loopback

auto eth0
iface eth0 inet manual
    up ip link set dev eth0 up
    up ip address replace 192.0.2.10/24 dev eth0
    up ip address replace 192.0.2.11/24 dev eth0
    up ip -6 address replace 2001:db8::10/64 dev eth0 nodad
    up ip route replace default via 192.0.2.1 dev eth0
    up ip -6 route replace default via 2001:db8::1 dev eth0
)");
}

TEST(NetworkManager, IsToldOfARentedServer) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(rented()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet

[ethernet]
mac-address=52:54:00:00:00:01

[ipv4]
method=manual
address1=192.0.2.10/32
route1=0.0.0.0/0,198.51.100.1
route1_options=onlink=true
dns=9.9.9.9;
dns-search=example.org;

[ipv6]
method=link-local
)");
}

TEST(NetworkManager, IsToldOfIpv6) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(of_ipv6()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet

[ethernet]
mac-address=52:54:00:00:00:01

[ipv4]
method=disabled

[ipv6]
method=manual
address1=2001:db8::10/128
route1=::/0,fe80::1
)");
}

TEST(NetworkManager, IsToldOfLayers) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(layered()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet
master=3e7661ea-1792-8ee7-8901-ea33ee68a91b
slave-type=bond

[ethernet]
mac-address=52:54:00:00:00:01
mtu=9000
/etc/NetworkManager/system-connections/dboot-eth1.nmconnection

[connection]
id=dboot-eth1
uuid=15af6208-fe44-81f8-8494-cd3b21939647
type=ethernet
master=3e7661ea-1792-8ee7-8901-ea33ee68a91b
slave-type=bond

[ethernet]
mac-address=52:54:00:00:00:02
mtu=9000
/etc/NetworkManager/system-connections/dboot-bond0.nmconnection

[connection]
id=dboot-bond0
uuid=3e7661ea-1792-8ee7-8901-ea33ee68a91b
type=bond
interface-name=bond0

[ethernet]
mtu=9000

[bond]
mode=802.3ad
miimon=100
lacp_rate=fast
xmit_hash_policy=layer3+4

[ipv4]
method=disabled

[ipv6]
method=link-local
/etc/NetworkManager/system-connections/dboot-bond0.100.nmconnection

[connection]
id=dboot-bond0.100
uuid=ffa9c8ec-8f38-8e43-8e21-37d58187db13
type=vlan
interface-name=bond0.100

[ethernet]
mtu=1500

[vlan]
id=100
parent=bond0

[ipv4]
method=manual
address1=192.0.2.10/24

[ipv6]
method=link-local
)");
}

TEST(NetworkManager, IsToldOfARule) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(with_rule()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet

[ethernet]
mac-address=52:54:00:00:00:01

[ipv4]
method=manual
address1=192.0.2.10/24
route1=0.0.0.0/0,192.0.2.1,100
route1_options=src=192.0.2.10
route2=0.0.0.0/0,192.0.2.254
route2_options=table=200
routing-rule1=priority 100 from 192.0.2.0/24 table 200

[ipv6]
method=link-local
)");
}

TEST(Netplan, IsToldOfARentedServer) {
  EXPECT_EQ(texts(netplan_files(configuration_of(rented()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["192.0.2.10/32"]
      routes:
        - to: "0.0.0.0/0"
          via: "198.51.100.1"
          on-link: true
      nameservers:
        addresses: ["9.9.9.9", "2620:fe::fe"]
        search: ["example.org"]
)");
}

TEST(Netplan, IsToldOfIpv6) {
  EXPECT_EQ(texts(netplan_files(configuration_of(of_ipv6()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["2001:db8::10/128"]
      routes:
        - to: "::/0"
          via: "fe80::1"
)");
}

TEST(Netplan, IsToldOfLayers) {
  EXPECT_EQ(texts(netplan_files(configuration_of(layered()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      mtu: 9000
      dhcp4: false
      dhcp6: false
      accept-ra: false
    "eth1":
      match:
        macaddress: "52:54:00:00:00:02"
      set-name: "eth1"
      mtu: 9000
      dhcp4: false
      dhcp6: false
      accept-ra: false
  bonds:
    "bond0":
      interfaces: ["eth0", "eth1"]
      parameters:
        mode: 802.3ad
        mii-monitor-interval: 100
        lacp-rate: fast
        transmit-hash-policy: layer3+4
      macaddress: "52:54:00:00:00:01"
      mtu: 9000
      dhcp4: false
      dhcp6: false
      accept-ra: false
  vlans:
    "bond0.100":
      id: 100
      link: "bond0"
      macaddress: "52:54:00:00:00:01"
      mtu: 1500
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["192.0.2.10/24"]
)");
}

TEST(Netplan, IsToldOfARule) {
  EXPECT_EQ(texts(netplan_files(configuration_of(with_rule()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["192.0.2.10/24"]
      routes:
        - to: "0.0.0.0/0"
          via: "192.0.2.1"
          from: "192.0.2.10"
          metric: 100
        - to: "0.0.0.0/0"
          via: "192.0.2.254"
          table: 200
      routing-policy:
        - from: "192.0.2.0/24"
          table: 200
          priority: 100
)");
}

class WriteForImage : public testing::Test {
 protected:
  WriteForImage() {
    fs::create_directory(root);
    root_fd = open_directory(root);
  }
  void put(const std::string& program) const { write_text(root / program, "", 0755); }
  std::vector<std::string> write() const { return write_for_image(root_fd.get(), rented()); }
  mode_t mode(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat((root / name).c_str(), &status), 0) << name;
    return status.st_mode;
  }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
  UniqueFd root_fd;
};

TEST_F(WriteForImage, TakesWhatItHas) {
  EXPECT_FALSE(format_of_image(root_fd.get()));
  const std::vector<std::pair<std::string, Format>> later_ones_give_way{
      {"lib/systemd/systemd-networkd", Format::networkd},
      {"usr/lib/systemd/systemd-networkd", Format::networkd},
      {"usr/sbin/ifup", Format::ifupdown},
      {"usr/sbin/NetworkManager", Format::network_manager},
      {"usr/sbin/netplan", Format::netplan}};
  for (const auto& [program, format] : later_ones_give_way) {
    put(program);
    EXPECT_EQ(format_of_image(root_fd.get()), format) << program;
  }
}

TEST_F(WriteForImage, RefusesOneWithNothingThatConfiguresANetwork) {
  EXPECT_THAT([&] { write(); },
              testing::Throws<Failure>(testing::AllOf(
                  testing::Property(&Failure::what, HasSubstr("nothing that configures a "
                                                              "network")),
                  testing::Property(&Failure::mend, HasSubstr("--write-network")))));
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(WriteForImage, EnablesNetworkd) {
  put("lib/systemd/systemd-networkd");
  EXPECT_THAT(write(), ElementsAre("/etc/systemd/network/10-dboot-eth0.network"));
  EXPECT_EQ(mode("etc/systemd/network/10-dboot-eth0.network"), S_IFREG | 0644U);
  const auto wanted = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service";
  EXPECT_EQ(fs::read_symlink(wanted), "/lib/systemd/system/systemd-networkd.service");
  // As it already is in most images.
  EXPECT_THAT(write(), SizeIs(1));
}

TEST_F(WriteForImage, TellsNetworkdToLeaveAloneWhatItsFilesDoNotHave) {
  put("lib/systemd/systemd-networkd");
  rtmsg nowhere{};
  nowhere.rtm_family = AF_INET;
  nowhere.rtm_table = RT_TABLE_MAIN;
  nowhere.rtm_protocol = RTPROT_STATIC;
  nowhere.rtm_type = RTN_UNREACHABLE;
  auto network = rented();
  network.messages.push_back(netlink::Builder(RTM_NEWROUTE, nowhere).message().bytes());
  EXPECT_THAT(write_for_image(root_fd.get(), network),
              testing::Contains("/etc/systemd/networkd.conf.d/90-dboot.conf"));
  EXPECT_THAT(sys::read_file(root / "etc/systemd/networkd.conf.d/90-dboot.conf"),
              HasSubstr("ManageForeignRoutes=no\n"));
}

TEST_F(WriteForImage, TakesNoOtherIfupForThatOfDebian) {
  put("usr/sbin/ifup");
  put("etc/sysconfig/network/ifcfg-eth0");
  EXPECT_FALSE(format_of_image(root_fd.get()));
  put("usr/lib/systemd/systemd-networkd");
  EXPECT_EQ(format_of_image(root_fd.get()), Format::networkd);
}

TEST_F(WriteForImage, KeepsTheInterfacesOfTheImageBesideItsOwn) {
  put("sbin/ifup");
  write_text(root / "etc/network/interfaces", "iface eth0 inet dhcp\n");
  EXPECT_THAT(write(), ElementsAre("/etc/network/interfaces"));
  EXPECT_THAT(read_text(root / "etc/network/interfaces"), HasSubstr("192.0.2.10/32"));
  EXPECT_EQ(read_text(root / "etc/network/interfaces.before-dboot"), "iface eth0 inet dhcp\n");
}

TEST_F(WriteForImage, KeepsSecretFromOthersWhatItsReaderWantsSo) {
  put("usr/sbin/NetworkManager");
  ASSERT_THAT(write(), SizeIs(1));
  EXPECT_EQ(mode("etc/NetworkManager/system-connections/dboot-eth0.nmconnection"), S_IFREG | 0600U);
  put("usr/sbin/netplan");
  ASSERT_THAT(write(), SizeIs(1));
  EXPECT_EQ(mode("etc/netplan/90-dboot.yaml"), S_IFREG | 0600U);
}

TEST_F(WriteForImage, TellsCloudInitToLeaveItAlone) {
  put("usr/sbin/netplan");
  put("usr/bin/cloud-init");
  EXPECT_THAT(write(),
              ElementsAre("/etc/netplan/90-dboot.yaml", "/etc/cloud/cloud.cfg.d/99-dboot.cfg"));
  EXPECT_THAT(
      read_text(root / "etc/cloud/cloud.cfg.d/99-dboot.cfg"),
      AllOf(HasSubstr("network: {config: disabled}\n"), HasSubstr("preserve_hostname: true\n")));
}

TEST_F(WriteForImage, WritesNothingWhereThereIsNoNetwork) {
  put("sbin/ifup");
  write_text(root / "etc/network/interfaces", "iface eth0 inet dhcp\n");
  EXPECT_THAT(write_for_image(root_fd.get(), {}), IsEmpty());
  EXPECT_EQ(read_text(root / "etc/network/interfaces"), "iface eth0 inet dhcp\n");
}

TEST_F(WriteForImage, FollowsNoLinkOutOfIt) {
  put("sbin/ifup");
  const auto outside = directory / "outside";
  write_text(outside / "interfaces", "alive");
  fs::create_directories(root / "etc");
  fs::create_symlink(outside, root / "etc/network");
  write();
  EXPECT_EQ(read_text(outside / "interfaces"), "alive");
  EXPECT_FALSE(fs::exists(outside / "interfaces.before-dboot"));
  EXPECT_THAT(read_text(fs::path(root.string() + outside.string()) / "interfaces"),
              HasSubstr("192.0.2.10/32"));
}

TEST_F(WriteForImage, WritesThroughNoLinkInThePlaceOfAFile) {
  put("usr/sbin/netplan");
  write_text(directory / "canary", "alive");
  fs::create_directories(root / "etc/netplan");
  fs::create_symlink(directory / "canary", root / "etc/netplan/90-dboot.yaml");
  write();
  EXPECT_EQ(read_text(directory / "canary"), "alive");
  EXPECT_FALSE(fs::is_symlink(root / "etc/netplan/90-dboot.yaml"));
}

TEST_F(WriteForImage, RefusesAPlaceThatWillBeHidden) {
  put("sbin/ifup");
  fs::create_directories(root / "run/network");
  fs::create_directories(root / "etc");
  fs::create_symlink("/run/network", root / "etc/network");
  EXPECT_THAT([&] { write(); },
              testing::Throws<Failure>(testing::Property(&Failure::what, HasSubstr("/run"))));
}

}  // namespace
}  // namespace dboot::network
