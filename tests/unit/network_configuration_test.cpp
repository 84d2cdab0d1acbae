// What of a recorded network somebody has configured.
#include <gmock/gmock.h>

#include "tests/unit/recorded_networks.hpp"

namespace dboot::network {
namespace {

using netlink::Builder;
using netlink::bytes_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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

}  // namespace
}  // namespace dboot::network
