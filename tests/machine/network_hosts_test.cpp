// Whoever has set up the network: it stays, and who is outside comes in as before.
#include <gmock/gmock.h>

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <iterator>

#include "tests/machine/driver/host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

constexpr std::uint16_t port = 8000;

/// All that is configured, as busybox says it, which both systems have. What has come by a lease
/// has no end afterwards, and what was brought back stands elsewhere.
std::string configuration(Shell& shell) {
  shell.output_of("until test -z \"$(busybox ip -6 address | grep tentative)\"; do :; done");
  return shell.output_of(
      "{ busybox ip address; for family in 4 6; do\n"
      "busybox ip -$family route show table all; busybox ip -$family rule; done\n"
      "grep ' 0x6 ' /proc/net/arp; grep nameserver /etc/resolv.conf\n"
      "grep '|' /proc/net/vlan/config; grep -h -e Mode: -e Interface: -e Polling "
      "/proc/net/bonding/*\n"
      "} 2>/dev/null | sed -E 's/^[0-9]+: //; s/ dynamic( |$)/\\1/; s/ expires .*sec//; /_lft/d' | "
      "sort");
}

/// Somebody who says a word to whoever connects.
void listen(Shell& shell, const std::string& word) {
  shell.output_of("mkdir -p /run/www && echo " + word + " >/run/www/word");
  shell.output_of("busybox httpd -h /run/www -p " + std::to_string(port));
}

/// What somebody is told who comes in by QEMU's own network.
std::string word_at(std::uint16_t way_in) {
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(30s);
  stream.connect("127.0.0.1", std::to_string(way_in));
  stream << "GET /word HTTP/1.0\r\n\r\n" << std::flush;
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// `word`: what somebody outside is told. Returns what the payload's log says of it.
std::string log_of_takeover(Host& host, const std::function<std::string()>& word) {
  listen(host.shell(), "old-system");
  EXPECT_THAT(word(), HasSubstr("old-system"));
  const std::string before = configuration(host.shell());

  host.shell().start("dboot-inject --yes --keep-network yes busybox -- /bin/sh");
  Serial& console = host.console();
  console.expect("hand-over starting executable=/bin/sh", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  EXPECT_EQ(configuration(shell), before);
  listen(shell, "new-system");
  EXPECT_THAT(word(), HasSubstr("new-system"));
  return shell.output_of(
      "grep -E ' terminate (gone|brought|cannot|lasts|ends|network) ' /run/dboot/payload.log");
}

/// Makes the shell's variable "card" the name of the only one.
void name_card(Shell& shell) {
  shell.output_of("until ls -d /sys/class/net/e* >/dev/null 2>&1; do :; done; udevadm settle");
  shell.output_of("card=$(basename /sys/class/net/e*)");
}

TEST(NetworkOf, IfupdownStaysWithAGatewayOnLink) {
  Host host(Host::Console::serial);
  const auto way_in = host.machine().plug_in_network_with_way_in(port);
  Shell& shell = host.shell();
  name_card(shell);
  shell.output_of(
      "cat >/etc/network/interfaces <<END\n"
      "iface $card inet static\n"
      "address 10.0.2.15/32\n"
      "up ip route add default via 10.0.2.2 dev $card onlink\n"
      "up ip route add default via 10.0.2.2 dev $card onlink table 100\n"
      "up ip rule add from 10.0.2.15 lookup 100\n"
      "up ip neighbour add 10.0.2.9 lladdr 52:54:00:00:00:09 dev $card\n"
      "END\n"
      "ifup $card");
  shell.output_of("echo nameserver 10.0.2.3 >/etc/resolv.conf");
  EXPECT_THAT(configuration(shell),
              AllOf(HasSubstr("inet 10.0.2.15/32"), HasSubstr("default via 10.0.2.2"),
                    HasSubstr("lookup 100"), ContainsRegex("10.0.2.9 .* 52:54:00:00:00:09"),
                    HasSubstr("nameserver 10.0.2.3")));
  EXPECT_THAT(log_of_takeover(host, [&] { return word_at(way_in); }),
              HasSubstr("brought_back=0 failed=0"));
}

TEST(NetworkOf, NetworkManagerStaysWithItsLease) {
  Host host(Host::Console::serial);
  const auto way_in = host.machine().plug_in_network_with_way_in(port);
  Shell& shell = host.shell();
  name_card(shell);
  shell.output_of("systemctl start NetworkManager", 90s);
  shell.output_of(
      "nmcli connection add type ethernet con-name wire ifname $card"
      " ipv4.method auto ipv4.dns 10.0.2.3 ipv4.routes '0.0.0.0/0 10.0.2.2'"
      " ipv6.method link-local && nmcli connection up wire",
      90s);
  EXPECT_THAT(configuration(shell),
              AllOf(HasSubstr("inet 10.0.2.15/24"), HasSubstr("default via 10.0.2.2"),
                    HasSubstr("nameserver 10.0.2.3")));
  EXPECT_THAT(log_of_takeover(host, [&] { return word_at(way_in); }),
              AllOf(HasSubstr("brought_back=0 failed=0"),
                    ContainsRegex("lasts from now on what=\"address 10.0.2.15/24 dev [a-z0-9]+\" "
                                  "lease_ends=\"20[^\"]* UTC\" left="),
                    ContainsRegex("gone pid=[0-9]+ command=NetworkManager after=[^ ]+ "
                                  "killed=\"it would take the network along\"")));
}

/// Its addresses and routes of IPv4, for a system that has no ip(8).
std::string as_the_kernel_has_it(Shell& shell) {
  return shell.output_of("cat /proc/net/route; grep -A1 -e '|--' /proc/net/fib_trie | sort -u");
}

/// The image's own configuration leaves what is there, and makes it again where it is gone.
TEST(NetworkOf, AHostIsWhatTheImageConfiguresByItself) {
  Host host(Host::Console::serial);
  host.machine().plug_in_network_with_way_in(port);
  Shell& shell = host.shell();
  name_card(shell);
  shell.output_of("ip link set $card up; ip address add 10.0.2.15/32 dev $card");
  shell.output_of("ip route add default via 10.0.2.2 dev $card onlink");
  const auto before = as_the_kernel_has_it(shell);
  ASSERT_THAT(before, HasSubstr("10.0.2.15"));
  const auto card = shell.output_of("echo $card");

  shell.start("dboot-inject --yes --write-network systemd -- /lib/systemd/systemd");
  Serial& console = host.console();
  console.expect("login: ", 240s);
  console.send_line("root");
  console.expect("# $");
  Shell image = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  image.output_of("/lib/systemd/systemd-networkd-wait-online --timeout=60", 90s);
  EXPECT_THAT(image.output_of("networkctl --no-pager status " + card),
              AllOf(HasSubstr("/etc/systemd/network/10-dboot-"), HasSubstr("(configured)")));
  EXPECT_EQ(as_the_kernel_has_it(image), before);
  image.output_of("networkctl down " + card +
                  "; until ! grep -q 10.0.2.15 /proc/net/fib_trie; do :; done");
  image.output_of("networkctl up " + card +
                  "; until grep -q 10.0.2.15 /proc/net/fib_trie; do :; done");
  image.output_of("/lib/systemd/systemd-networkd-wait-online --timeout=60", 90s);
  EXPECT_EQ(as_the_kernel_has_it(image), before);
}

/// What networkd is told in a file of that name.
void tell_networkd(Shell& shell, const std::string& file, const std::string& text) {
  shell.output_of("cat >/etc/systemd/network/" + file + " <<END\n" + text + "\nEND");
}

/// Until it is so.
void await(Shell& shell, const std::string& condition) {
  shell.output_of("until " + condition + " >/dev/null 2>&1; do :; done");
}

void start_networkd(Shell& shell) {
  shell.output_of("udevadm settle; systemctl restart systemd-networkd");
}

/// Before anybody looks for it: who asks in vain for a router asks again later and later.
void start_networkd_of_router(Shell& shell) {
  start_networkd(shell);
  shell.output_of("/lib/systemd/systemd-networkd-wait-online --timeout=60", 90s);
}

std::string match(const std::string& mac) {
  return "[Match]\nPermanentMACAddress=" + mac + '\n';
}

/// A host and a router, with two wires between them.
class NetworkOfAHostAtARouter : public testing::Test {
 protected:
  struct Wire {
    std::string at_host;  ///< the MAC address of the card
    std::string at_router;
  };

  Wire add_wire(const std::string& name, const files::Scratch& socket) {
    Wire wire;
    wire.at_router = router_.machine().plug_in_wire(name, socket.path(), Machine::Side::listens);
    wire.at_host = host_.machine().plug_in_wire(name, socket.path(), Machine::Side::connects);
    await(router_.shell(), "grep -q " + wire.at_router + " /sys/class/net/*/address");
    await(host_.shell(), "grep -q " + wire.at_host + " /sys/class/net/*/address");
    return wire;
  }

  /// What the router is told.
  std::string word_at(const std::string& address) {
    const std::string connection = "/dev/tcp/" + address + '/' + std::to_string(port);
    router_.shell().output_of("printf 'GET /word HTTP/1.0\\r\\n\\r\\n' >/run/question");
    return router_.shell().output_of("timeout 30 bash -c 'exec 3<>" + connection +
                                     "; cat /run/question >&3; cat <&3'");
  }

  /// A bond of two cards, with a VLAN on top that has the address 192.0.2.10, and the default
  /// route.
  void configure_bond();

  Host host_{Host::Console::serial};
  Host router_{Host::Console::serial, "router-"};
  files::Scratch first_{files::artefact("wire-1")};
  files::Scratch second_{files::artefact("wire-2")};
};

TEST_F(NetworkOfAHostAtARouter, StaysWithIpv6AndARouteFromTheRouter) {
  const auto wire = add_wire("wire-1", first_);
  tell_networkd(router_.shell(), "wire.network",
                match(wire.at_router) +
                    "[Network]\nAddress=2001:db8::1/64\nIPv6SendRA=yes\nIPv6AcceptRA=no\n");
  start_networkd_of_router(router_.shell());
  tell_networkd(host_.shell(), "wire.network",
                match(wire.at_host) +
                    "[Network]\nAddress=2001:db8::10/128\nIPv6AcceptRA=yes\n"
                    "LinkLocalAddressing=ipv6\n");
  start_networkd(host_.shell());
  await(host_.shell(), "ip -6 route show default | grep -q 'via fe80:.* proto ra'");
  EXPECT_THAT(
      log_of_takeover(host_, [&] { return word_at("2001:db8::10"); }),
      AllOf(HasSubstr("brought_back=0 failed=0"),
            ContainsRegex("lasts from now on what=\"route -6 default via fe80:[0-9a-f:]+ dev "
                          "[a-z0-9]+ metric 1024\" lease_ends=\"20[^\"]* UTC\" left=")));
}

void NetworkOfAHostAtARouter::configure_bond() {
  const auto one = add_wire("wire-1", first_);
  const auto other = add_wire("wire-2", second_);
  Shell& router = router_.shell();
  tell_networkd(router, "bridge.netdev", "[NetDev]\nName=bridge\nKind=bridge\n");
  tell_networkd(router, "vlan.netdev", "[NetDev]\nName=vlan\nKind=vlan\n[VLAN]\nId=7\n");
  tell_networkd(router, "vlan.network", "[Match]\nName=vlan\n[Network]\nAddress=192.0.2.1/24\n");
  tell_networkd(router, "bridge.network", "[Match]\nName=bridge\n[Network]\nVLAN=vlan\n");
  for (const auto& mac : {one.at_router, other.at_router})
    tell_networkd(router, mac.substr(mac.size() - 1) + ".network",
                  match(mac) + "[Network]\nBridge=bridge\n");
  start_networkd_of_router(router);

  Shell& host = host_.shell();
  tell_networkd(host, "uplink.netdev",
                "[NetDev]\nName=uplink\nKind=bond\n[Bond]\nMode=active-backup\n"
                "MIIMonitorSec=100ms\n");
  tell_networkd(host, "office.netdev",
                "[NetDev]\nName=office\nKind=vlan\n[VLAN]\nId=7\nLooseBinding=yes\n");
  tell_networkd(host, "office.network",
                "[Match]\nName=office\n[Network]\nAddress=192.0.2.10/24\nGateway=192.0.2.1\n");
  tell_networkd(host, "uplink.network", "[Match]\nName=uplink\n[Network]\nVLAN=office\n");
  for (const auto& mac : {one.at_host, other.at_host})
    tell_networkd(host, mac.substr(mac.size() - 1) + ".network",
                  match(mac) + "[Network]\nBond=uplink\n");
  start_networkd(host);
  await(host, "ip route | grep -q '^default via 192.0.2.1 dev office'");
  await(router, "busybox ping -c 1 -W 1 192.0.2.10");
  EXPECT_THAT(configuration(host),
              AllOf(HasSubstr("inet 192.0.2.10/24"), ContainsRegex("office *\\| 7 *\\| uplink"),
                    HasSubstr("Bonding Mode: fault-tolerance (active-backup)")));
}

TEST_F(NetworkOfAHostAtARouter, StaysWithABondAndAVlan) {
  configure_bond();
  EXPECT_THAT(log_of_takeover(host_, [&] { return word_at("192.0.2.10"); }),
              HasSubstr("brought_back=0 failed=0"));
}

/// Somebody who is in no list, and whom nobody suspects.
TEST_F(NetworkOfAHostAtARouter, ComesBackWithItsBondAndVlan) {
  configure_bond();
  host_.shell().output_of(
      "printf '#!/bin/sh\ntrap \"ip link del office; ip link del uplink; exit\" TERM\n"
      "echo ready >/run/ready\nwhile :; do sleep 1000 & wait; done\n' >/root/taker\n"
      "chmod +x /root/taker; setsid /root/taker >/dev/null 2>&1 &");
  await(host_.shell(), "test -e /run/ready");
  EXPECT_THAT(
      log_of_takeover(host_, [&] { return word_at("192.0.2.10"); }),
      AllOf(ContainsRegex("brought back what=\"link uplink mtu 1500 up\""),
            ContainsRegex("brought back what=\"link office mtu 1500 up\""),
            ContainsRegex("brought back what=\"link e[a-z0-9]+ mtu 1500 master uplink up\""),
            ContainsRegex("brought back what=\"address 192.0.2.10/24 dev office\""),
            ContainsRegex("brought back what=\"route default via 192.0.2.1 dev office"),
            HasSubstr(" failed=0")));
}

}  // namespace
}  // namespace dboot::machine
