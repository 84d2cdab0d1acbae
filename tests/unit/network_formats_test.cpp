// The same networks in the words of systemd-networkd and ifupdown.
#include <gmock/gmock.h>

#include "tests/unit/recorded_networks.hpp"

namespace dboot::network {
namespace {

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

}  // namespace
}  // namespace dboot::network
