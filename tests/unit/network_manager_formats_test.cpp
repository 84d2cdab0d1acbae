// The same networks in the words of NetworkManager and netplan.
#include <gmock/gmock.h>

#include "tests/unit/recorded_networks.hpp"

namespace dboot::network {
namespace {

TEST(NetworkManager, IsToldOfARentedServer) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(rented()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet

[ethernet]
mac-address=52:54:00:00:00:01

[ipv4]
method=manual
address1=192.0.2.10/32
route1=0.0.0.0/0,198.51.100.1
route1_options=onlink=true
dns=9.9.9.9;
dns-search=example.org;

[ipv6]
method=link-local
)");
}

TEST(NetworkManager, IsToldOfIpv6) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(of_ipv6()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet

[ethernet]
mac-address=52:54:00:00:00:01

[ipv4]
method=disabled

[ipv6]
method=manual
address1=2001:db8::10/128
route1=::/0,fe80::1
)");
}

TEST(NetworkManager, IsToldOfLayers) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(layered()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet
master=3e7661ea-1792-8ee7-8901-ea33ee68a91b
slave-type=bond

[ethernet]
mac-address=52:54:00:00:00:01
mtu=9000
/etc/NetworkManager/system-connections/dboot-eth1.nmconnection

[connection]
id=dboot-eth1
uuid=15af6208-fe44-81f8-8494-cd3b21939647
type=ethernet
master=3e7661ea-1792-8ee7-8901-ea33ee68a91b
slave-type=bond

[ethernet]
mac-address=52:54:00:00:00:02
mtu=9000
/etc/NetworkManager/system-connections/dboot-bond0.nmconnection

[connection]
id=dboot-bond0
uuid=3e7661ea-1792-8ee7-8901-ea33ee68a91b
type=bond
interface-name=bond0

[ethernet]
mtu=9000

[bond]
mode=802.3ad
miimon=100
lacp_rate=fast
xmit_hash_policy=layer3+4

[ipv4]
method=disabled

[ipv6]
method=link-local
/etc/NetworkManager/system-connections/dboot-bond0.100.nmconnection

[connection]
id=dboot-bond0.100
uuid=ffa9c8ec-8f38-8e43-8e21-37d58187db13
type=vlan
interface-name=bond0.100

[ethernet]
mtu=1500

[vlan]
id=100
parent=bond0

[ipv4]
method=manual
address1=192.0.2.10/24

[ipv6]
method=link-local
)");
}

TEST(NetworkManager, IsToldOfARule) {
  EXPECT_EQ(texts(network_manager_files(configuration_of(with_rule()))),
            R"(/etc/NetworkManager/system-connections/dboot-eth0.nmconnection

[connection]
id=dboot-eth0
uuid=21590bfd-3248-8c6d-8679-19cd5a898b84
type=ethernet

[ethernet]
mac-address=52:54:00:00:00:01

[ipv4]
method=manual
address1=192.0.2.10/24
route1=0.0.0.0/0,192.0.2.1,100
route1_options=src=192.0.2.10
route2=0.0.0.0/0,192.0.2.254
route2_options=table=200
routing-rule1=priority 100 from 192.0.2.0/24 table 200

[ipv6]
method=link-local
)");
}

TEST(Netplan, IsToldOfARentedServer) {
  EXPECT_EQ(texts(netplan_files(configuration_of(rented()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["192.0.2.10/32"]
      routes:
        - to: "0.0.0.0/0"
          via: "198.51.100.1"
          on-link: true
      nameservers:
        addresses: ["9.9.9.9", "2620:fe::fe"]
        search: ["example.org"]
)");
}

TEST(Netplan, IsToldOfIpv6) {
  EXPECT_EQ(texts(netplan_files(configuration_of(of_ipv6()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["2001:db8::10/128"]
      routes:
        - to: "::/0"
          via: "fe80::1"
)");
}

TEST(Netplan, IsToldOfLayers) {
  EXPECT_EQ(texts(netplan_files(configuration_of(layered()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      mtu: 9000
      dhcp4: false
      dhcp6: false
      accept-ra: false
    "eth1":
      match:
        macaddress: "52:54:00:00:00:02"
      set-name: "eth1"
      mtu: 9000
      dhcp4: false
      dhcp6: false
      accept-ra: false
  bonds:
    "bond0":
      interfaces: ["eth0", "eth1"]
      parameters:
        mode: 802.3ad
        mii-monitor-interval: 100
        lacp-rate: fast
        transmit-hash-policy: layer3+4
      macaddress: "52:54:00:00:00:01"
      mtu: 9000
      dhcp4: false
      dhcp6: false
      accept-ra: false
  vlans:
    "bond0.100":
      id: 100
      link: "bond0"
      macaddress: "52:54:00:00:00:01"
      mtu: 1500
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["192.0.2.10/24"]
)");
}

TEST(Netplan, IsToldOfARule) {
  EXPECT_EQ(texts(netplan_files(configuration_of(with_rule()))), R"(/etc/netplan/90-dboot.yaml
network:
  version: 2
  ethernets:
    "eth0":
      match:
        macaddress: "52:54:00:00:00:01"
      set-name: "eth0"
      dhcp4: false
      dhcp6: false
      accept-ra: false
      addresses: ["192.0.2.10/24"]
      routes:
        - to: "0.0.0.0/0"
          via: "192.0.2.1"
          from: "192.0.2.10"
          metric: 100
        - to: "0.0.0.0/0"
          via: "192.0.2.254"
          table: 200
      routing-policy:
        - from: "192.0.2.0/24"
          table: 200
          priority: 100
)");
}

}  // namespace
}  // namespace dboot::network
