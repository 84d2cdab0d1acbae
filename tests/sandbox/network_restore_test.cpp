// What is brought back of a network, in network namespaces of the test's own. /proc/sys/net is that
// of who reads it.
#include <gmock/gmock.h>
#include <sched.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "payload/network/firewall.hpp"
#include "payload/network/restore.hpp"
#include "shared/log/sinks.hpp"
#include "shared/network/settings.hpp"
#include "shared/network/socket.hpp"
#include "shared/network/state.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using testing::Contains;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Network recorded() {
  netlink::Socket socket;
  Network network;
  for (const auto& message : netlink::read_all(socket)) network.messages.push_back(message.bytes());
  network.settings = netlink::read_settings();
  return network;
}

/// All there is, as a person would list it.
std::vector<std::string> listed() {
  netlink::Socket socket;
  const auto messages = netlink::read_all(socket);
  const auto names = netlink::names_of_links(messages);
  std::vector<std::string> lines;
  for (const auto& message : messages) lines.push_back(netlink::in_words(message, names));
  return lines;
}

/// Of a function, called until it is so: the kernel makes addresses and routes of a link some time
/// after it has been set up.
MATCHER_P(AreInTheEnd, expected, "") {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto is_so = testing::UnorderedElementsAreArray(expected);
  while (!testing::Value(arg(), is_so) && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  return testing::ExplainMatchResult(is_so, arg(), result_listener);
}

void run(const std::string& commands) {
  ASSERT_EQ(std::system(("set -e\n" + commands).c_str()), 0) << commands;
}

void take_away(const std::string& commands) {
  std::system(("exec 2>/dev/null\n" + commands + "\ntrue").c_str());
}

/// The log of it.
std::string restore(const Network& before, bool is_machine = true) {
  boost::asio::io_context loop(1);
  std::string lines;
  Log log;
  log.add_sink(log::sinks::memory(lines));
  Children children(loop.get_executor(), log);
  const Permissions permissions(is_machine ? Scope::machine : Scope::in_namespace, is_machine,
                                false);
  const auto work = [&]() -> Task<> {
    co_await restore_network(log, children, permissions, before);
    loop.stop();
  };
  boost::asio::co_spawn(loop, work(), boost::asio::detached);
  loop.run();
  return lines;
}

/// A network namespace for each test, with two links that are one wire, and one of them in a
/// bridge.
class Restoring : public testing::Test {
 protected:
  void SetUp() override {
    sys::check(::unshare(CLONE_NEWNET), "unshare");
    // Or else addresses of IPv6 are not there for a second or two.
    run("for name in all default; do echo 0 >/proc/sys/net/ipv6/conf/$name/accept_dad; done\n"
        "ip link set lo up\n"
        "ip link add wire type veth peer name end\n"
        "ip link add bridge type bridge\n"
        "ip link set wire mtu 1400 master bridge up\n"
        "ip link set end up; ip link set bridge up\n"
        "ip address add 192.0.2.1/24 dev bridge\n"
        "ip address add 192.0.2.2/32 dev end\n"
        "ip -6 address add 2001:db8::1/64 dev bridge nodad\n"
        "ip -6 address add 2001:db8:1::1/128 dev bridge nodad\n"
        // As rented servers have them: a gateway that no address of the host's reaches.
        "ip route add default via 198.51.100.1 dev bridge onlink\n"
        "ip -6 route add default via fe80::1 dev bridge metric 512\n"
        "until test $(ip -6 route show table local | grep -c '^local fe80') = 3; do :; done");
  }
};

TEST_F(Restoring, ChangesNothingWhereAllIsThere) {
  const auto before = listed();
  const auto log = restore(recorded());
  EXPECT_THAT(log, HasSubstr("network kept links=4 addresses="));
  EXPECT_THAT(log, HasSubstr("brought_back=0 failed=0"));
  EXPECT_THAT(log, Not(HasSubstr("lasts from now on")));
  EXPECT_THAT(listed(), ElementsAreArray(before));
}

TEST_F(Restoring, BringsBackAddressesAndRoutesOfEveryKind) {
  run("ip route add 10.1.0.0/16 via inet6 2001:db8::9 src 192.0.2.1\n"
      "ip nexthop add id 8 via 192.0.2.8 dev bridge\n"
      "ip nexthop add id 9 via 192.0.2.9 dev bridge\n"
      "ip nexthop add id 1 group 8/9\n"
      "ip route add 10.2.0.0/16 nhid 1\n"
      "ip route add 10.3.0.0/16 metric 7 nexthop via 192.0.2.3 weight 2 nexthop via 192.0.2.4\n"
      "ip route add unreachable 10.4.0.0/16\n"
      "ip route add 10.5.0.0/16 via 192.0.2.5 metric 10 mtu 1280 advmss 1200\n"
      "ip -6 route add 2001:db8:2::/48 via 2001:db8::3 metric 5\n"
      "ip -6 route append 2001:db8:2::/48 via 2001:db8::4 metric 5\n"
      "ip route add default via 192.0.2.100 table 100\n"
      "ip rule add from 192.0.2.0/24 table 100 priority 1000\n"
      "ip -6 rule add fwmark 5 table 100\n"
      "ip neighbour add 192.0.2.77 lladdr 02:00:00:00:00:01 dev bridge nud permanent\n"
      "ip address add 192.0.2.7/24 dev bridge\n"
      "ip address add 203.0.113.1 peer 203.0.113.2/32 dev bridge label bridge:1\n");
  const auto before = listed();
  const auto network = recorded();
  // Some of it goes with the addresses.
  take_away(
      "ip address flush dev bridge; ip address flush dev end\n"
      "ip rule del priority 1000; ip -6 rule del fwmark 5 table 100\n"
      "ip route flush table main; ip -6 route del default; ip -6 route flush 2001:db8:2::/48\n"
      "ip nexthop del id 1; ip nexthop del id 8; ip nexthop del id 9\n"
      "ip link set end down; ip link set wire nomaster mtu 1300");
  ASSERT_THAT(listed(), Not(Contains(testing::AnyOf(HasSubstr("192.0.2."), HasSubstr("10."),
                                                    HasSubstr("2001:"), HasSubstr("nexthop")))));
  const auto log = restore(network);
  EXPECT_THAT(&listed, AreInTheEnd(before)) << log;
  EXPECT_THAT(log, HasSubstr("brought back what=\"address 192.0.2.1/24 dev bridge\""));
  EXPECT_THAT(log,
              HasSubstr("brought back what=\"route default via 198.51.100.1 dev bridge onlink\""));
  EXPECT_THAT(log, HasSubstr("failed=0"));
}

TEST_F(Restoring, MakesALinkAgainThatIsNothingButWords) {
  run("ip link set bridge type bridge stp_state 1 forward_delay 400");
  const auto before = listed();
  const auto network = recorded();
  run("ip link del bridge");
  const auto log = restore(network);
  EXPECT_THAT(&listed, AreInTheEnd(before)) << log;
  EXPECT_THAT(log, HasSubstr("failed=0"));
  run("ip -details link show bridge | grep -q 'forward_delay 400 .*stp_state 1'");
}

TEST_F(Restoring, BringsBackSettings) {
  run("echo 2 >/proc/sys/net/ipv6/conf/bridge/accept_ra\n"
      "echo 1 >/proc/sys/net/ipv4/conf/bridge/forwarding");
  const auto network = recorded();
  run("echo 1 >/proc/sys/net/ipv6/conf/bridge/disable_ipv6\n"
      "echo 0 >/proc/sys/net/ipv6/conf/bridge/accept_ra\n"
      "echo 0 >/proc/sys/net/ipv4/conf/bridge/forwarding");
  const auto log = restore(network);
  EXPECT_THAT(log, HasSubstr("brought back what=ipv6/conf/bridge/accept_ra=2"));
  EXPECT_EQ(netlink::read_settings(), network.settings) << log;
  EXPECT_THAT(listed(), Contains("address 2001:db8::1/64 dev bridge"));
}

TEST_F(Restoring, GivesNoEndToWhatNobodyRenews) {
  run("ip address add 192.0.2.50/24 dev bridge valid_lft 3600 preferred_lft 1800\n"
      "ip -6 address add 2001:db8:5::1/64 dev bridge nodad valid_lft 3600 preferred_lft 1800\n"
      "ip -6 route add 2001:db8:6::/64 dev bridge expires 600\n"
      "echo 0 >/proc/sys/net/ipv6/conf/bridge/accept_ra");
  const auto log = restore(recorded());
  EXPECT_THAT(log,
              testing::ContainsRegex("lasts from now on what=\"address 192.0.2.50/24 dev bridge\" "
                                     "lease_ends=\"[0-9-]+ [0-9:]+ UTC\" left=3[0-9]+.0ms"));
  EXPECT_THAT(log, HasSubstr("what=\"address 2001:db8:5::1/64 dev bridge\""));
  EXPECT_THAT(log, HasSubstr("what=\"route 2001:db8:6::/64 dev bridge metric 1024\""));
  run("test -z \"$(ip address show dev bridge | grep -E 'valid_lft [0-9]|deprecated')\"\n"
      "test -z \"$(ip -6 route | grep expires)\"");
  EXPECT_THAT(restore(recorded()), Not(HasSubstr("lasts from now on")));
}

TEST_F(Restoring, LeavesToTheKernelWhatItRenewsByItself) {
  run("echo 2 >/proc/sys/net/ipv6/conf/bridge/accept_ra\n"
      "ip -6 address add 2001:db8:5::1/64 dev bridge nodad valid_lft 3600 preferred_lft 1800\n");
  EXPECT_THAT(restore(recorded()), Not(HasSubstr("lasts from now on")));
}

TEST_F(Restoring, KeepsLeasesOfDhcpv6WhereTheKernelHearsRouters) {
  run("echo 2 >/proc/sys/net/ipv6/conf/bridge/accept_ra\n"
      "ip -6 address add 2001:db8:7::7/128 dev bridge nodad valid_lft 3600 preferred_lft 1800");
  EXPECT_THAT(restore(recorded()),
              HasSubstr("lasts from now on what=\"address 2001:db8:7::7/128 dev bridge\""));
}

TEST_F(Restoring, LeavesToRoutersWhatCameFromThem) {
  run("echo 2 >/proc/sys/net/ipv6/conf/bridge/accept_ra\n"
      "ip -6 address add 2001:db8:5::1/64 dev bridge nodad valid_lft 3600 preferred_lft 1800\n"
      "ip -6 route add default via fe80::2 dev bridge proto ra expires 600 metric 5");
  const auto network = recorded();
  run("ip -6 address del 2001:db8:5::1/64 dev bridge; ip -6 route del default metric 5");
  EXPECT_THAT(restore(network), HasSubstr("brought_back=0 failed=0"));
}

TEST_F(Restoring, BringsBackEachWayOfARouteOfIpv6) {
  run("ip -6 route add 2001:db8:2::/48 metric 5 nexthop via 2001:db8::3 nexthop via 2001:db8::4");
  const auto before = listed();
  const auto network = recorded();
  run("ip -6 route del 2001:db8:2::/48 via 2001:db8::4 metric 5");
  const auto log = restore(network);
  EXPECT_THAT(&listed, AreInTheEnd(before)) << log;
}

TEST_F(Restoring, TakesTheEndOfTheRouteThatIsMeant) {
  run("ip link set wire nomaster; ip link set wire up\n"
      "for link in wire end; do echo 0 >/proc/sys/net/ipv6/conf/$link/accept_ra\n"
      "ip -6 route append 2001:db8:9::/64 dev $link metric 9 expires 600; done");
  EXPECT_THAT(restore(recorded()), HasSubstr("lasts from now on what=\"route 2001:db8:9::/64"));
  run("test -z \"$(ip -6 route | grep expires)\"\n"
      "test \"$(ip -6 route show 2001:db8:9::/64 | wc -l)\" = 2");
}

TEST_F(Restoring, BringsBackWhatNeedsSomethingOfAnotherKind) {
  run("ip route add 203.0.113.0/24 dev bridge\n"
      "ip nexthop add id 77 via 203.0.113.9 dev bridge; ip route add 10.77.0.0/16 nhid 77");
  const auto before = listed();
  const auto network = recorded();
  take_away("ip route del 10.77.0.0/16; ip nexthop del id 77; ip route del 203.0.113.0/24");
  const auto log = restore(network);
  EXPECT_THAT(&listed, AreInTheEnd(before)) << log;
  EXPECT_THAT(log, HasSubstr("failed=0"));
}

TEST_F(Restoring, LeavesAnAddressDeprecatedThatWasSo) {
  run("ip -6 address add 2001:db8::d/64 dev bridge nodad preferred_lft 0");
  const auto network = recorded();
  run("ip -6 address del 2001:db8::d/64 dev bridge");
  restore(network);
  run("ip -6 address show dev bridge | grep '2001:db8::d/64' | grep -q deprecated");
}

TEST_F(Restoring, SettingsOfEachLinkOutliveThoseOfAll) {
  run("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding\n"
      "echo 0 >/proc/sys/net/ipv6/conf/bridge/forwarding");
  const auto network = recorded();
  run("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
  const auto log = restore(network);
  EXPECT_EQ(netlink::read_settings(), network.settings) << log;
}

TEST_F(Restoring, SaysOnceOfALinkThatAnotherOneIsInItsPlace) {
  const auto network = recorded();
  run("ip link del bridge; ip link add bridge type bridge");
  const auto log = restore(network);
  EXPECT_THAT(log, HasSubstr("cannot bring back what=\"link bridge mtu 1400 up\" reason=\"somebody "
                             "has renamed it, or made another one\""));
  EXPECT_THAT(log, Not(HasSubstr("brought back what=\"link bridge")));
}

TEST_F(Restoring, LeavesWhatLiesOnALinkThatIsGone) {
  run("ip tuntap add vpn mode tun; ip link set vpn up; ip route add 10.8.0.0/16 dev vpn");
  const auto network = recorded();
  run("ip tuntap del vpn mode tun; ip link del wire; ip address del 192.0.2.1/24 dev bridge");
  const auto log = restore(network);
  EXPECT_THAT(log, HasSubstr("debug wake gone with the old system what=\"link end mtu 1500 up\""));
  EXPECT_THAT(log, HasSubstr("info wake gone with the old system what=\"link vpn mtu 1500 up\""));
  EXPECT_THAT(log, Not(HasSubstr("cannot bring back")));
  EXPECT_THAT(log, HasSubstr(" failed=0"));
  EXPECT_THAT(listed(), Contains("address 192.0.2.1/24 dev bridge"));
}

TEST_F(Restoring, NamesWhatCannotComeBackAndDoesTheRest) {
  run("ip route add 10.7.0.0/16 via 192.0.2.9 src 192.0.2.2");
  auto network = recorded();
  // Without the address that it comes from, the route is refused.
  std::erase_if(network.messages, [](const std::string& bytes) {
    const auto message = netlink::Message::parse(bytes);
    return message && message->kind() == netlink::Kind::address &&
           netlink::own_address(*message) == netlink::bytes_of_address("192.0.2.2");
  });
  run("ip address del 192.0.2.2/32 dev end\n"
      "ip address del 192.0.2.1/24 dev bridge");
  const auto log = restore(network);
  EXPECT_THAT(log, testing::ContainsRegex("warning .* cannot bring back what=\"route 10.7.0.0/16 "
                                          "via 192.0.2.9 dev bridge src 192.0.2.2\" reason="));
  EXPECT_THAT(listed(), Contains("address 192.0.2.1/24 dev bridge"));
}

TEST_F(Restoring, GivesUpTheAddressesOfACluster) {
  auto network = recorded();
  network.given_up = {"192.0.2.2", "2001:db8:1::1", "192.0.2.250"};
  const auto log = restore(network);
  EXPECT_THAT(log, HasSubstr("given up what=\"address 192.0.2.2/32 dev end\""));
  EXPECT_THAT(log, HasSubstr("given up what=\"address 2001:db8:1::1/128 dev bridge\""));
  EXPECT_THAT(listed(), Not(Contains(HasSubstr("address 192.0.2.2/"))));
  EXPECT_THAT(listed(), Contains("address 192.0.2.1/24 dev bridge"));
}

TEST_F(Restoring, KeepsTheRouteThatCameFromAnAddressThatIsGivenUp) {
  run("ip route replace default via 198.51.100.1 dev bridge onlink src 192.0.2.2");
  auto network = recorded();
  network.given_up = {"192.0.2.2"};
  const auto log = restore(network);
  EXPECT_THAT(listed(), Contains("route default via 198.51.100.1 dev bridge onlink")) << log;
}

TEST_F(Restoring, TellsWhetherThereIsAWayToTheClient) {
  auto network = recorded();
  network.client = "203.0.113.7";
  EXPECT_THAT(restore(network),
              HasSubstr("way to the ssh client client=203.0.113.7 device=bridge carrier=yes "
                        "gateway=198.51.100.1 neighbour=silent"));
  run("ip neighbour replace 198.51.100.1 lladdr 02:00:00:00:00:01 dev bridge nud permanent");
  EXPECT_THAT(restore(network), HasSubstr("gateway=198.51.100.1 neighbour=known"));
  network.client = "192.0.2.2";  // of this machine
  EXPECT_THAT(restore(network), Not(HasSubstr("ssh client")));
  run("ip route del default");
  network.client = "203.0.113.7";
  network.messages.clear();
  network.messages.push_back(recorded().messages.front());
  EXPECT_THAT(restore(network), HasSubstr("no way to the ssh client is known client=203.0.113.7 "
                                          "reason=\"rtnetlink: Network is unreachable\""));
}

TEST_F(Restoring, DoesNothingInANamespace) {
  const auto network = recorded();
  run("ip address flush dev bridge");
  const auto there = listed();
  EXPECT_THAT(restore(network, false), IsEmpty());
  EXPECT_THAT(listed(), ElementsAreArray(there));
}

std::string flush(bool is_machine = true) {
  boost::asio::io_context loop(1);
  std::string lines;
  Log log;
  log.add_sink(log::sinks::memory(lines));
  Children children(loop.get_executor(), log);
  const Permissions permissions(is_machine ? Scope::machine : Scope::in_namespace, is_machine,
                                false);
  const auto work = [&]() -> Task<> {
    co_await flush_firewall(log, children, permissions);
    loop.stop();
  };
  boost::asio::co_spawn(loop, work(), boost::asio::detached);
  loop.run();
  return lines;
}

class Firewall : public testing::Test {
 protected:
  void SetUp() override { sys::check(::unshare(CLONE_NEWNET), "unshare"); }
};

TEST_F(Firewall, OfNftablesGoes) {
  run("iptables-nft -A INPUT -p tcp --dport 22 -j DROP; ip6tables-nft -P INPUT DROP\n"
      "iptables-nft -t nat -N own");
  EXPECT_THAT(flush(), HasSubstr("firewall flushed"));
  run("test -z \"$(iptables-nft -S | grep -v 'ACCEPT$')\"\n"
      "test -z \"$(ip6tables-nft -S | grep -v 'ACCEPT$')\"\n"
      "test -z \"$(iptables-nft -t nat -S | grep own)\"");
}

TEST_F(Firewall, OfTheOlderKindGoes) {
  run("iptables-legacy -N own; iptables-legacy -A INPUT -j own; iptables-legacy -A own -j DROP\n"
      "iptables-legacy -P FORWARD DROP; ip6tables-legacy -P INPUT DROP\n"
      "ip6tables-legacy -A OUTPUT -p tcp -j REJECT || ip6tables-legacy -A OUTPUT -p tcp -j DROP");
  EXPECT_THAT(flush(), HasSubstr("firewall flushed tables_of_iptables=2"));
  for (const auto* program : {"iptables-legacy", "ip6tables-legacy"})
    run("test \"$(" + std::string(program) +
        " -S)\" = \"-P INPUT ACCEPT\n"
        "-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\"");
}

TEST_F(Firewall, StaysInANamespace) {
  run("iptables-legacy -P FORWARD DROP");
  EXPECT_THAT(flush(false), IsEmpty());
  run("iptables-legacy -S | grep -q 'FORWARD DROP'");
}

}  // namespace
}  // namespace dboot
