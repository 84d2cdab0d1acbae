// What a takeover leaves of the network.
#include <gmock/gmock.h>

#include "tests/machine/driver/host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// A host whose address comes by DHCP, and goes with who has asked for it.
void configure_by_networkd(Host& host) {
  host.machine().plug_in_network();
  Shell& shell = host.shell();
  shell.output_of("until ls -d /sys/class/net/e*; do :; done; udevadm settle");
  shell.output_of(
      "printf '[Match]\\nName=e*\\n[Network]\\nDHCP=yes\\n' >/etc/systemd/network/e.network");
  shell.output_of(
      "systemctl start systemd-networkd && /lib/systemd/systemd-networkd-wait-online --timeout=60",
      90s);
  ASSERT_THAT(shell.output_of("ip -4 address; ip -4 route"),
              AllOf(HasSubstr("inet 10.0.2.15/24"), HasSubstr("10.0.2.0/24 dev")));
}

/// What there is of it in the new system.
std::string network_after_takeover(Host& host, const std::string& options,
                                   const std::string& what = "ip address; ip route") {
  // As sudo does, which drops the variable.
  host.shell().start(
      "SSH_CONNECTION='10.0.2.2 50022 10.0.2.15 22' sh -c 'env -u SSH_CONNECTION dboot-inject "
      "--yes --no-ssh " +
      options + " busybox -- /bin/sh; true'");
  Serial& console = host.console();
  console.expect("hand-over starting executable=/bin/sh", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  return shell.output_of(what + "; cat /run/dboot/payload.log");
}

TEST(Network, StaysAlthoughNetworkdWouldTakeItAlong) {
  Host host(Host::Console::serial);
  ASSERT_NO_FATAL_FAILURE(configure_by_networkd(host));
  EXPECT_THAT(network_after_takeover(host, "--keep-network yes"),
              AllOf(HasSubstr("inet 10.0.2.15/24"), HasSubstr("10.0.2.0/24 dev"),
                    ContainsRegex("lasts from now on what=\"address 10.0.2.15/24 dev [a-z0-9]+\" "
                                  "lease_ends=\"20[^\"]* UTC\" left="),
                    HasSubstr("brought_back=0 failed=0"),
                    ContainsRegex("preflight way to the ssh client client=10.0.2.2 "
                                  "device=e[a-z0-9]+ gateway=none neighbour=known"),
                    ContainsRegex("terminate way to the ssh client client=10.0.2.2 "
                                  "device=e[a-z0-9]+ carrier=yes gateway=none neighbour=known"),
                    ContainsRegex("gone pid=[0-9]+ command=systemd-network after=[^ ]+ "
                                  "killed=\"it would take the network along\"")));
}

/// Somebody who is in no list.
TEST(Network, ComesBackWhereSomebodyTakesItAlong) {
  Host host(Host::Console::serial);
  ASSERT_NO_FATAL_FAILURE(configure_by_networkd(host));
  host.shell().output_of(
      "link=$(basename /sys/class/net/e*)\n"
      "ip route add default via 198.51.100.1 dev $link onlink\n"
      "printf '#!/bin/sh\\ntrap \"ip address flush dev %s; ip link set %s down; exit\" TERM\\n"
      "echo ready >/run/ready\\nwhile :; do sleep 1000 & wait; done\\n' $link $link >/root/taker\n"
      "chmod +x /root/taker; setsid /root/taker >/dev/null 2>&1 &");
  host.shell().output_of("until test -e /run/ready; do :; done");
  // An address that another host of a cluster takes over.
  host.shell().output_of(
      "mkdir -p /etc/keepalived; ip address add 10.0.2.100/32 dev docker0\n"
      "echo 'vrrp_instance one { virtual_ipaddress { 10.0.2.100/24 } }' "
      ">/etc/keepalived/keepalived.conf\n"
      "cp /bin/sleep /root/keepalived; setsid /root/keepalived 1000 >/dev/null 2>&1 &");
  EXPECT_THAT(
      network_after_takeover(host, "--keep-network yes"),
      AllOf(HasSubstr("inet 10.0.2.15/24"),
            ContainsRegex("default via 198.51.100.1 dev e[a-z0-9]+"),
            ContainsRegex("brought back what=\"link e[a-z0-9]+ mtu 1500 up\""),
            ContainsRegex("brought back what=\"address 10.0.2.15/24 dev e[a-z0-9]+\""),
            ContainsRegex(
                "brought back what=\"route default via 198.51.100.1 dev e[a-z0-9]+ onlink\""),
            HasSubstr("given up what=\"address 10.0.2.100/32 dev docker0\""),
            Not(HasSubstr("inet 10.0.2.100")), HasSubstr(" failed=0")));
}

/// The image's client asks the same server, which knows the machine.
TEST(Network, IsRenewedByTheClientOfTheImage) {
  Host host(Host::Console::serial);
  ASSERT_NO_FATAL_FAILURE(configure_by_networkd(host));
  host.shell().output_of(
      "printf '#!/bin/sh\\necho $1 $interface $ip >>/renewed\\n' >/root/default.script\n"
      "chmod +x /root/default.script");
  EXPECT_THAT(network_after_takeover(
                  host, "--renew --copy /root/default.script:/usr/share/udhcpc/default.script",
                  "cat /renewed; ps"),
              AllOf(ContainsRegex("bound e[a-z0-9]+ 10.0.2.15"), HasSubstr("udhcpc -i e")));
}

TEST(Network, ThroughAVpnRefusesToGo) {
  Host host(Host::Console::serial);
  const auto refused = host.run(
      "ip tuntap add vpn mode tun; ip link set vpn up; ip route add 198.51.100.0/24 dev vpn\n"
      "SSH_CONNECTION='198.51.100.7 1 198.51.100.1 22' dboot-inject --yes busybox");
  EXPECT_EQ(refused.status, 125);
  EXPECT_THAT(refused.text, HasSubstr("vpn lives of a process"));
  EXPECT_THAT(host.shell().output_of("cat /proc/1/comm"), HasSubstr("systemd"));
}

TEST(Network, GoesWhereNobodyWantsIt) {
  Host host(Host::Console::serial);
  ASSERT_NO_FATAL_FAILURE(configure_by_networkd(host));
  EXPECT_THAT(network_after_takeover(host, "--keep-network no"), Not(HasSubstr("10.0.2.15")));
}

}  // namespace
}  // namespace dboot::machine
