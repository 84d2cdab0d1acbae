// What the injector decides about the network, from texts.
#include <gmock/gmock.h>

#include "injector/network/client.hpp"
#include "injector/network/cluster.hpp"
#include "injector/network/packet_sockets.hpp"
#include "injector/network/record.hpp"

namespace dboot::network {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SshClient, IsTheFirstWordOfTheVariable) {
  using namespace std::string_literals;
  EXPECT_EQ(ssh_client_in("A=1\0SSH_CONNECTION=192.0.2.7 50022 192.0.2.1 22\0B=2\0"s), "192.0.2.7");
  EXPECT_EQ(ssh_client_in("SSH_CONNECTION=fe80::1%eth0 1 fe80::2%eth0 22\0"s), "fe80::1%eth0");
  EXPECT_EQ(ssh_client_in("SSH_CONNECTIONS=1\0XSSH_CONNECTION=2\0"s), "");
  EXPECT_EQ(ssh_client_in(""), "");
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
                                      "  }\n"
                                      "  virtual_ipaddress_excluded { 192.0.2.102/32 }\n"
                                      "  virtual_routes { 192.0.2.200 via 192.0.2.9 }\n"
                                      "}\n"),
              ElementsAre("192.0.2.100", "2001:db8::100", "192.0.2.102"));
}

TEST(Cluster, OfOthersHasTheAddressesThatTheyWereTold) {
  using namespace std::string_literals;
  EXPECT_THAT(addresses_of_pacemaker("<primitive type=\"IPaddr2\"><instance_attributes>\n"
                                     "<nvpair id=\"a\" name=\"ip\" value=\"192.0.2.100\"/>\n"
                                     "<nvpair id=\"b\" value=\"2001:db8::1\" name=\"ip\"/>\n"
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

TEST(PacketSockets, AreListedByTheKernel) {
  EXPECT_THAT(inodes_in("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"
                        "ffff888100000000 3      3    0003   2     1 0      0      31337\n"
                        "ffff888100000800 3      2    0806   3     1 0      0      31338\n"),
              ElementsAre(31337, 31338));
  EXPECT_THAT(inodes_in(""), IsEmpty());
}

}  // namespace
}  // namespace dboot::network
