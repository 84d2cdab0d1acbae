// What the injector decides about the network, from texts.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <filesystem>

#include "injector/network/client.hpp"
#include "injector/network/cluster.hpp"
#include "injector/network/packet_sockets.hpp"
#include "injector/network/record.hpp"
#include "injector/network/renewal.hpp"
#include "shared/network/message.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/failure_of.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::network {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(SshClient, IsTheFirstWordOfTheVariable) {
  using namespace std::string_literals;
  const auto connection =
      ssh_connection_in("A=1\0SSH_CONNECTION=192.0.2.7 50022 192.0.2.1 2222\0B=2\0"s);
  EXPECT_EQ(connection.client, "192.0.2.7");
  EXPECT_EQ(connection.server, "192.0.2.1");
  EXPECT_EQ(connection.port, 2222);
  const auto client_in = [](std::string_view text) { return ssh_connection_in(text).client; };
  EXPECT_EQ(client_in("SSH_CONNECTION=fe80::1%eth0 1 fe80::2%eth0 22\0"s), "fe80::1%eth0");
  EXPECT_EQ(client_in("SSH_CONNECTIONS=1\0XSSH_CONNECTION=2\0"s), "");
  EXPECT_EQ(client_in("SSH_CONNECTION=\0"s), "");
  EXPECT_EQ(client_in(""), "");
}

TEST(Link, LivesOfAProcessOrNot) {
  const auto of_kind = [](const std::string& kind) { return lives_of({.kind = kind}); };
  EXPECT_THAT(of_kind("tun"), HasSubstr("VPN"));
  EXPECT_THAT(of_kind("team"), HasSubstr("teamd"));
  EXPECT_THAT(of_kind("ppp"), HasSubstr("pppd"));
  EXPECT_THAT(lives_of({.is_wireless = true}), HasSubstr("wpa_supplicant"));
  EXPECT_THAT(lives_of({.is_modem = true}), HasSubstr("ModemManager"));
  EXPECT_THAT(lives_of({.is_ppp = true}), HasSubstr("pppd"));
  for (const auto* kind : {"", "bond", "vlan", "bridge", "wireguard", "veth"})
    EXPECT_THAT(of_kind(kind), IsEmpty()) << kind;
}

TEST(Resolvers, AreThoseOfTheLastSearch) {
  Network network;
  note_resolvers(
      "# nameserver 1.1.1.1\n"
      "domain old.example\nnameserver 192.0.2.53 # first\nnameserver\t2001:db8::53\n"
      "search example.org example.net\noptions edns0\n",
      network);
  EXPECT_THAT(network.name_servers, ElementsAre("192.0.2.53", "2001:db8::53"));
  EXPECT_THAT(network.search_domains, ElementsAre("example.org", "example.net"));
}

TEST(Cluster, OfKeepalivedHasTheAddressesOfItsBlocks) {
  EXPECT_THAT(addresses_of_keepalived("global_defs { router_id a }\n"
                                      "vrrp_instance one {\n"
                                      "  unicast_src_ip 192.0.2.1\n"
                                      "  unicast_peer { 192.0.2.2 }\n"
                                      "  virtual_ipaddress {\n"
                                      "    192.0.2.100/24 brd 192.0.2.255 dev eth0 label eth0:1\n"
                                      "    # 192.0.2.101\n"
                                      "    2001:db8::100\n"
                                      "    @main \"192.0.2.103\"\n"
                                      "  }\n"
                                      "  virtual_ipaddress_excluded { 192.0.2.102/32 }\n"
                                      "  virtual_routes { 192.0.2.200 via 192.0.2.9 }\n"
                                      "}\n"),
              ElementsAre("192.0.2.100", "2001:db8::100", "192.0.2.103", "192.0.2.102"));
}

TEST(Cluster, OfKeepalivedIsWhereItsCommandLineSays) {
  using namespace std::string_literals;
  EXPECT_EQ(configuration_of_keepalived("keepalived\0-D\0"s), "/etc/keepalived/keepalived.conf");
  EXPECT_EQ(configuration_of_keepalived("keepalived\0-f\0/a\0"s), "/a");
  EXPECT_EQ(configuration_of_keepalived("keepalived\0-f/b\0"s), "/b");
  EXPECT_EQ(configuration_of_keepalived("keepalived\0--use-file=/c\0"s), "/c");
}

TEST(Cluster, OfPacemakerMayHaveALongValue) {
  const std::string text(1 << 20, 'x');
  EXPECT_THAT(addresses_of_pacemaker("<nvpair name=\"ip\" value=\"" + text + "\"/>"), IsEmpty());
}

TEST(Cluster, OfOthersHasTheAddressesThatTheyWereTold) {
  using namespace std::string_literals;
  EXPECT_THAT(addresses_of_pacemaker("<primitive type=\"IPaddr2\"><instance_attributes>\n"
                                     "<nvpair id=\"a\" name=\"ip\" value=\"192.0.2.100\"/>\n"
                                     "<nvpair id='b' value='2001:db8::1' name='ip'/>\n"
                                     "<nvpair id=\"c\" name=\"nic\" value=\"192.0.2.3\"/>\n"
                                     "<nvpair id=\"d\" name=\"ip\" value=\"none\"/>"),
              ElementsAre("192.0.2.100", "2001:db8::1"));
  EXPECT_THAT(
      addresses_of_ctdb("192.0.2.100/24 eth0\n\n# 192.0.2.9/24 eth0\n192.0.2.101/24 eth1\n"),
      ElementsAre("192.0.2.100", "192.0.2.101"));
  EXPECT_THAT(addresses_of_ucarp("ucarp\0-s\0"
                                 "192.0.2.1\0-a\0"
                                 "192.0.2.100\0"s),
              ElementsAre("192.0.2.100"));
  EXPECT_THAT(addresses_of_ucarp("ucarp\0--srcip=192.0.2.1\0--addr=192.0.2.100\0"s),
              ElementsAre("192.0.2.100"));
}

std::string link(int number, std::string_view name) {
  ifinfomsg body{};
  body.ifi_index = number;
  return netlink::Builder(RTM_NEWLINK, body)
      .put(IFLA_IFNAME, std::string(name) + '\0')
      .message()
      .bytes();
}

std::string address(unsigned link, const std::string& text, std::uint32_t seconds) {
  const auto bytes = netlink::bytes_of_address(text);
  ifaddrmsg body{};
  body.ifa_family = bytes.size() == 4 ? AF_INET : AF_INET6;
  body.ifa_index = link;
  const ifa_cacheinfo times{seconds, seconds, 0, 0};
  return netlink::Builder(RTM_NEWADDR, body)
      .put(IFA_LOCAL, bytes)
      .put(IFA_CACHEINFO, netlink::bytes_of(times))
      .message()
      .bytes();
}

TEST(Leases, AreTheAddressesOfIpv4WithALifetime) {
  constexpr std::uint32_t for_ever = 0xFFFFFFFF;
  Network network;
  network.messages = {link(1, "lo"),
                      link(2, "eth0"),
                      link(3, "eth1"),
                      address(1, "127.0.0.1", for_ever),
                      address(2, "192.0.2.1", for_ever),
                      address(2, "192.0.2.7", 3600),
                      address(2, "192.0.2.8", 3600),
                      address(3, "2001:db8::1", 3600),
                      address(9, "192.0.2.9", 3600)};
  EXPECT_THAT(leases_in(network), ElementsAre(Lease{"eth0", "192.0.2.7"}));
}

class Renewals : public testing::Test {
 protected:
  /// A program that this machine can execute.
  void add(const std::string& path) {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    std::filesystem::copy_file("/bin/busybox", root_.path() / path);
  }
  std::vector<Hook> made() {
    const UniqueFd root = sys::open(root_.path(), O_PATH | O_DIRECTORY);
    const UniqueFd directory = sys::open(directory_.path(), O_PATH | O_DIRECTORY);
    return renewals({{"eth0", "192.0.2.7"}}, root.get(), directory.get());
  }
  TemporaryDirectory root_;
  TemporaryDirectory directory_;
};

TEST_F(Renewals, AreDoneByWhatTheImageHas) {
  EXPECT_THAT(failure_of([&] { made(); }),
              AllOf(HasSubstr("no client of DHCP that could renew the lease of 192.0.2.7 on eth0"),
                    HasSubstr("leave --renew out")));
  const auto only = [&] {
    const auto hooks = made();
    EXPECT_THAT(hooks, SizeIs(1));
    EXPECT_EQ(to_string(hooks.front().at), "after:hand-over");
    EXPECT_FALSE(hooks.front().must_succeed);
    return hooks.front().arguments;
  };
  add("sbin/udhcpc");
  EXPECT_THAT(failure_of([&] { made(); }),
              HasSubstr("no udhcpc with an executable default.script"));
  add("usr/share/udhcpc/default.script");
  EXPECT_THAT(only(), ElementsAre("/sbin/udhcpc", "-i", "eth0", "-r", "192.0.2.7", "-s",
                                  "/usr/share/udhcpc/default.script", "-b", "-S"));
  add("sbin/dhclient");
  EXPECT_THAT(only(), testing::Contains("/sbin/udhcpc"));
  add("sbin/dhclient-script");
  EXPECT_THAT(only(),
              ElementsAre("/sbin/dhclient", "-nw", "-cf", "/run/dboot/dhclient-eth0.conf", "eth0"));
  EXPECT_EQ(sys::read_file(directory_.path() / "dhclient-eth0.conf"),
            "send dhcp-requested-address 192.0.2.7;\n");
  add("usr/sbin/dhcpcd");
  EXPECT_THAT(only(),
              ElementsAre("/usr/sbin/dhcpcd", "--background", "--request=192.0.2.7", "eth0"));
}

TEST(PacketSockets, AreListedByTheKernel) {
  EXPECT_THAT(inodes_in("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"
                        "ffff888100000000 3      3    0003   2     1 0      0      31337\n"
                        "ffff888100000800 3      2    0806   3     1 0      0      31338\n"),
              ElementsAre(31337, 31338));
  EXPECT_THAT(inodes_in(""), IsEmpty());
}

}  // namespace
}  // namespace dboot::network
