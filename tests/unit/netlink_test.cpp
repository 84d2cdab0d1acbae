// Messages of rtnetlink, as bytes.
#include <gmock/gmock.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <map>

#include "shared/network/link_changes.hpp"
#include "shared/network/restoring.hpp"
#include "shared/network/settings.hpp"
#include "shared/network/state.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::netlink {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view address_of_host("\x0a\x00\x02\x0f", 4);
constexpr std::string_view gateway("\xc6\x33\x64\x01", 4);

Message link(int number, std::string_view name, unsigned flags, std::uint32_t mtu = 1500,
             std::uint32_t master = 0) {
  ifinfomsg body{};
  body.ifi_index = number;
  body.ifi_flags = flags;
  Builder builder(RTM_NEWLINK, body);
  builder.put(IFLA_IFNAME, std::string(name) + '\0').put_number(IFLA_MTU, mtu);
  if (master != 0) builder.put_number(IFLA_MASTER, master);
  return builder.message();
}

/// One of words, with one option.
Message link_of_kind(std::string_view kind, const Attribute& option) {
  ifinfomsg body{};
  body.ifi_index = 3;
  const auto data = nested({option});
  return Builder(RTM_NEWLINK, body)
      .put(IFLA_IFNAME, std::string_view("office\0", 7))
      .put(IFLA_LINKINFO, nested({{IFLA_INFO_KIND, kind}, {IFLA_INFO_DATA, data}}))
      .message();
}

/// As the kernel gives one that came by DHCP.
Message leased_address(std::uint32_t seconds, std::uint32_t flags = 0) {
  ifaddrmsg body{};
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = 24;
  body.ifa_index = 2;
  const ifa_cacheinfo times{seconds, seconds, 5, 5};
  return Builder(RTM_NEWADDR, body)
      .put(IFA_ADDRESS, address_of_host)
      .put(IFA_LOCAL, address_of_host)
      .put_number(IFA_FLAGS, flags)
      .put(IFA_CACHEINFO, bytes_of(times))
      .message();
}

Message default_route(unsigned flags) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_DHCP;
  body.rtm_type = RTN_UNICAST;
  body.rtm_flags = flags;
  return Builder(RTM_NEWROUTE, body)
      .put(RTA_GATEWAY, gateway)
      .put_number(RTA_OIF, std::uint32_t{2})
      .message();
}

const LinkNames names{{2, "eth0"}};

TEST(Message, IsWhatItsHeaderSays) {
  const auto bytes = leased_address(60).bytes();
  EXPECT_TRUE(Message::parse(bytes));
  EXPECT_FALSE(Message::parse(""));
  EXPECT_FALSE(Message::parse(bytes.substr(0, 15)));
  EXPECT_FALSE(Message::parse(bytes.substr(0, bytes.size() - 1)));
  EXPECT_FALSE(Message::parse(bytes + '\0'));
  // A header alone, of a type that has a body.
  std::string header = bytes.substr(0, 16);
  header[0] = 16;
  EXPECT_FALSE(Message::parse(header));
}

TEST(Message, EndsWithTheAttributeThatIsCutShort) {
  const std::string_view bytes("\x05\x00\x01\x00x\0\0\0\x40\x00\x02\x00y", 13);
  EXPECT_THAT(attributes_in(bytes), SizeIs(1));
  EXPECT_THAT(attributes_in(std::string_view("\0\0\0\0\0\0\0\0", 8)), IsEmpty());
}

TEST(Message, ReadsAsIpWouldSayIt) {
  EXPECT_EQ(in_words(leased_address(60), names), "address 10.0.2.15/24 dev eth0");
  EXPECT_EQ(in_words(default_route(RTNH_F_ONLINK), names),
            "route default via 198.51.100.1 dev eth0 onlink");
  EXPECT_EQ(in_words(default_route(0), {}), "route default via 198.51.100.1 dev number 2");
  EXPECT_EQ(in_words(link(3, "eth1", IFF_UP, 9000, 2), {{2, "bond0"}, {3, "eth1"}}),
            "link eth1 mtu 9000 master bond0 up");
}

/// Those of Linux 6.18, recorded.
TEST(Message, OfEveryKindThatWasRecordedReadsAsIpWouldSayIt) {
  const LinkNames links{{2, "v1"}, {3, "v0"}, {4, "br0"}};
  const std::map<std::string, std::string> recorded{
      {"link-in-a-bridge", "link v0 mtu 1500 master br0 up"},
      {"bridge", "link br0 mtu 1500 up"},
      {"address", "address 192.0.2.1/24 dev br0"},
      {"address-of-ipv6", "address 2001:db8::1/64 dev br0"},
      {"group", "nexthop 1 group of 1"},
      {"nexthop", "nexthop 7 via 192.0.2.9 dev br0"},
      {"on-link", "route default via 198.51.100.1 dev br0 onlink"},
      {"via-ipv6", "route 10.1.0.0/16 via 2001:db8::9 dev br0"},
      {"by-nexthop", "route 10.2.0.0/16 nhid 7"},
      {"two-ways", "route 10.3.0.0/16 nexthop via 192.0.2.3 dev br0 nexthop via fe80::4 dev br0"},
      {"unreachable", "route unreachable 10.4.0.0/16 metric 5"},
      {"rule", "rule priority 32765 from 192.0.2.0/24 iif br0 table 100"},
      {"neighbour", "neighbour 192.0.2.77 lladdr 02:00:00:00:00:01 dev br0"}};
  for (const auto& [file, words] : recorded) {
    const auto message = Message::parse(sys::read_file(DBOOT_RECORDED_MESSAGES "/" + file));
    ASSERT_TRUE(message) << file;
    EXPECT_EQ(in_words(*message, links), words);
    // What makes it again says the same.
    const auto made = changes({*message}, {});
    if (file == "link-in-a-bridge") continue;  // half of a pair
    ASSERT_FALSE(made.empty()) << file;
    if (file == "bridge") continue;  // of a link there are several steps
    EXPECT_EQ(in_words(made.front().request, links), words);
  }
}

TEST(Changes, AreNoneWhereOnlyTheStateIsAnother) {
  EXPECT_THAT(changes({leased_address(60)}, {leased_address(3600, IFA_F_PERMANENT)}), IsEmpty());
  EXPECT_THAT(changes({default_route(0)}, {default_route(RTNH_F_LINKDOWN | RTNH_F_DEAD)}),
              IsEmpty());
}

TEST(Changes, MakeWhatIsGoneWithoutItsState) {
  const auto made = changes({leased_address(60, IFA_F_SECONDARY)}, {});
  ASSERT_THAT(made, SizeIs(1));
  EXPECT_FALSE(made[0].request.find(IFA_CACHEINFO));
  EXPECT_EQ(made[0].request.number<std::uint32_t>(IFA_FLAGS), 0U);
  const auto route = changes({default_route(RTNH_F_ONLINK | RTNH_F_LINKDOWN)}, {default_route(0)});
  ASSERT_THAT(route, SizeIs(1));
  EXPECT_EQ(route[0].request.body<rtmsg>().rtm_flags, unsigned{RTNH_F_ONLINK});
}

TEST(Changes, OfALinkTakeItDownForABondAndUpAgain) {
  const auto made = changes({link(3, "eth1", IFF_UP, 9000, 2)}, {link(3, "eth1", IFF_UP, 1500, 0)});
  ASSERT_THAT(made, SizeIs(4));
  const auto flags = [&](std::size_t at) { return made[at].request.body<ifinfomsg>().ifi_flags; };
  EXPECT_EQ(flags(0), 0U);
  EXPECT_EQ(made[1].request.number<std::uint32_t>(IFLA_MASTER), 2U);
  EXPECT_EQ(made[2].request.number<std::uint32_t>(IFLA_MTU), 9000U);
  EXPECT_EQ(flags(3), unsigned{IFF_UP});
}

TEST(Changes, LeaveALinkOfTheSameNumberWithAnotherName) {
  EXPECT_THAT(changes({link(3, "eth1", IFF_UP)}, {link(3, "veth7", 0)}), IsEmpty());
}

TEST(Changes, AreNotForADeviceThatIsGone) {
  EXPECT_THAT(changes({link(3, "eth1", IFF_UP)}, {}), IsEmpty());
}

TEST(Changes, OfAVlanNameTheFlagsThatTheyAreAbout) {
  const auto vlan = [](const ifla_vlan_flags& flags) {
    return link_of_kind("vlan", {IFLA_VLAN_FLAGS, bytes_of(flags)});
  };
  // The kernel says of all that they count, and takes no other one than it knows.
  const auto made = changes({vlan({VLAN_FLAG_LOOSE_BINDING, ~0U})}, {});
  ASSERT_THAT(made, SizeIs(2));
  EXPECT_EQ(made[1].request.find(IFLA_LINKINFO),
            vlan({VLAN_FLAG_LOOSE_BINDING, VLAN_FLAG_LOOSE_BINDING | VLAN_FLAG_REORDER_HDR})
                .find(IFLA_LINKINFO));
}

TEST(Changes, AreNotMissedWhereTheOptionIsSoAllTheSame) {
  const auto bond = [](std::uint8_t rate) {
    return link_of_kind("bond", {IFLA_BOND_AD_LACP_RATE, bytes_of(rate)});
  };
  const auto made = changes({bond(1)}, {});
  ASSERT_THAT(made, SizeIs(2));
  EXPECT_TRUE(is_so(made[1], {link(2, "eth0", 0), bond(1)}));
  EXPECT_FALSE(is_so(made[1], {bond(0)}));
  EXPECT_FALSE(is_so(made[1], {link(3, "office", 0)}));
  EXPECT_FALSE(is_so(made[1], {}));
  const auto up = changes({link(3, "eth1", IFF_UP)}, {link(3, "eth1", 0)});
  ASSERT_THAT(up, SizeIs(1));
  EXPECT_FALSE(is_so(up[0], {link(3, "eth1", 0)}));
}

TEST(Endings, AreOfWhatHasALifetime) {
  const auto never = [](std::uint32_t) { return false; };
  EXPECT_THAT(endings({leased_address(0xFFFFFFFF), default_route(0)}, never), IsEmpty());
  const auto found = endings({leased_address(86317)}, never);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].left, std::chrono::seconds(86317));
  // Of IPv4 the kernel renews nothing.
  EXPECT_THAT(endings({leased_address(60)}, [](std::uint32_t) { return true; }), SizeIs(1));
}

TEST(Changes, AreNotForTheAddressesOfACluster) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  const auto from = Builder(RTM_NEWROUTE, body).put(RTA_PREFSRC, address_of_host).message();
  const auto to = Builder(RTM_NEWROUTE, body).put(RTA_DST, address_of_host).message();
  Network network;
  network.messages = {leased_address(60).bytes(), from.bytes(), to.bytes(), "none"};
  network.given_up = {"10.0.2.15", "2001:db8::1"};
  const auto kept = to_be_kept(network);
  ASSERT_THAT(kept, SizeIs(2));
  // The one that came from it comes from another one.
  EXPECT_EQ(kept[0].kind(), Kind::route);
  EXPECT_FALSE(kept[0].find(RTA_PREFSRC));
  EXPECT_EQ(kept[1], to);
  network.given_up = {"10.0.2.1"};
  EXPECT_THAT(to_be_kept(network), ElementsAre(leased_address(60), from, to));
  const auto removed = removals({leased_address(60)}, {"10.0.2.15"});
  ASSERT_THAT(removed, SizeIs(1));
  EXPECT_EQ(removed[0].request.type(), RTM_DELADDR);
}

TEST(Settings, AreWrittenWhereTheyHaveChanged) {
  const auto to_write =
      settings_to_write({"ipv6/conf/a=b/x=1", "ipv6/conf/b/x=1", "ipv6/conf/gone/x=1", "odd"},
                        {"ipv6/conf/a=b/x=0", "ipv6/conf/b/x=1", "ipv6/conf/new/x=5"});
  ASSERT_THAT(to_write, SizeIs(1));
  EXPECT_EQ(to_write[0].name, "ipv6/conf/a=b/x");
  EXPECT_EQ(to_write[0].value, "1");
}

TEST(Settings, TellWhetherTheKernelHearsRouters) {
  const auto hears = [](const std::string& accept_ra, const std::string& forwarding) {
    return hears_routers(
        {"ipv6/conf/eth0/accept_ra=" + accept_ra, "ipv6/conf/eth0/forwarding=" + forwarding},
        "eth0");
  };
  EXPECT_TRUE(hears("1", "0"));
  EXPECT_FALSE(hears("1", "1"));
  EXPECT_TRUE(hears("2", "1"));
  EXPECT_FALSE(hears("0", "0"));
  EXPECT_FALSE(hears_routers({}, "eth0"));
}

}  // namespace
}  // namespace dboot::netlink
