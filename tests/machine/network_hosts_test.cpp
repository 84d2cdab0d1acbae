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
      "grep '|' /proc/net/vlan/config; grep -h -e Mode: -e Interface: /proc/net/bonding/*\n"
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

/// `word`: what somebody outside is told. Returns the payload's log.
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
  return shell.output_of("cat /run/dboot/payload.log");
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

}  // namespace
}  // namespace dboot::machine
