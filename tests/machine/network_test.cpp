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
std::string network_after_takeover(Host& host, const std::string& options) {
  host.shell().start("dboot-inject --yes " + options + " busybox -- /bin/sh");
  Serial& console = host.console();
  console.expect("hand-over starting executable=/bin/sh", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  return shell.output_of("ip address; ip route; cat /run/dboot/payload.log");
}

TEST(Network, StaysAlthoughNetworkdWouldTakeItAlong) {
  Host host(Host::Console::serial);
  ASSERT_NO_FATAL_FAILURE(configure_by_networkd(host));
  EXPECT_THAT(network_after_takeover(host, "--keep-network yes"),
              AllOf(HasSubstr("inet 10.0.2.15/24"), HasSubstr("10.0.2.0/24 dev"),
                    ContainsRegex("gone pid=[0-9]+ command=systemd-network after=[^ ]+ "
                                  "killed=\"it would take the network along\"")));
}

TEST(Network, GoesWhereNobodyWantsIt) {
  Host host(Host::Console::serial);
  ASSERT_NO_FATAL_FAILURE(configure_by_networkd(host));
  EXPECT_THAT(network_after_takeover(host, "--keep-network no"), Not(HasSubstr("10.0.2.15")));
}

}  // namespace
}  // namespace dboot::machine
