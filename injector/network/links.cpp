#include "injector/network/links.hpp"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "shared/network/link.hpp"
#include "shared/network/state.hpp"

namespace dboot::network {
namespace {

constexpr std::uint32_t usual_mtu = 1500;
constexpr std::size_t hardware_address_size = 6;
/// As many links as may lie on one another. The kernel makes no circles, a record may have one.
constexpr int most_layers = 8;

struct Link {
  const netlink::Message* message = nullptr;
  std::string name;
  std::string kind;  ///< empty: the card of a driver
  std::uint32_t master = 0;
  std::uint32_t parent = 0;  ///< that a VLAN lies on

  std::optional<std::string_view> data(int attribute) const {
    return netlink::find_in(netlink::data_of_link(*message), attribute);
  }
  template <class Number>
  Number number(int attribute) const {
    return netlink::number_of<Number>(data(attribute)).value_or(0);
  }
  bool is_card() const { return kind.empty(); }
  /// One end of a pair: of a container it is the card, of a host what leads into a container.
  bool is_end_of_pair() const { return kind == "veth"; }
};
using Links = std::map<std::uint32_t, Link>;

std::string hardware_address(const netlink::Message& link, int attribute) {
  const auto bytes = link.find(attribute).value_or("");
  const bool is_none = bytes.find_first_not_of('\0') == std::string_view::npos;
  if (bytes.size() != hardware_address_size || is_none) return "";
  return netlink::hardware_address_in(bytes);
}

bool is_plain_name(std::string_view name) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.front() != '-' && name.front() != '.' &&
         name.find_first_not_of(plain) == std::string_view::npos;
}

bool can_be_written(const Link& link) {
  const auto body = link.message->body<ifinfomsg>();
  return body.ifi_type == ARPHRD_ETHER && (body.ifi_flags & IFF_UP) != 0 &&
         is_plain_name(link.name) && !hardware_address(*link.message, IFLA_ADDRESS).empty();
}

Links links_in(const std::vector<netlink::Message>& messages) {
  Links links;
  for (const auto& message : messages) {
    Link link;
    link.message = &message;
    link.name = netlink::name_of_link(message);
    link.kind = netlink::kind_of_link(message);
    link.master = message.number<std::uint32_t>(IFLA_MASTER).value_or(0);
    // With a number of another namespace it is the link of that one.
    if (!message.find(IFLA_LINK_NETNSID))
      link.parent = message.number<std::uint32_t>(IFLA_LINK).value_or(0);
    links[netlink::number_of_link(message)] = std::move(link);
  }
  return links;
}

/// Decides which links are written.
class Choice {
 public:
  explicit Choice(const Links& links)
      : links_(links), has_cards_(std::any_of(links.begin(), links.end(), [](const auto& entry) {
          return entry.second.is_card() && can_be_written(entry.second);
        })) {}

  bool is_possible(std::uint32_t number, int layers = most_layers) const {
    const auto found = links_.find(number);
    if (found == links_.end() || layers == 0 || !can_be_written(found->second)) return false;
    const auto& link = found->second;
    if (link.is_card() || link.kind == "bond" || (link.is_end_of_pair() && !has_cards_))
      return true;
    if (link.kind == "vlan")
      return link.number<std::uint16_t>(IFLA_VLAN_PROTOCOL) == htons(ETH_P_8021Q) &&
             is_possible(link.parent, layers - 1);
    return link.kind == "bridge" &&
           std::any_of(links_.begin(), links_.end(), [&](const auto& entry) {
             return entry.second.master == number && !entry.second.is_end_of_pair() &&
                    is_possible(entry.first, layers - 1);
           });
  }

  /// It, and what it cannot be made without.
  void take(std::uint32_t number) {
    if (!is_possible(number) || !taken_.insert(number).second) return;
    const auto& link = links_.at(number);
    if (link.kind == "vlan") take(link.parent);
    if (link.master != 0) take(link.master);
    for (const auto& [part, other] : links_) {
      if (other.master == number && !other.is_end_of_pair()) take(part);
    }
  }

  const std::set<std::uint32_t>& taken() const { return taken_; }

 private:
  const Links& links_;
  bool has_cards_;  ///< else it is a container, whose card is the end of a pair
  std::set<std::uint32_t> taken_;
};

/// Documentation/networking/bonding.rst, "mode".
std::string mode_of_bond(std::uint8_t mode) {
  static constexpr std::array<const char*, 7> modes{"balance-rr", "active-backup", "balance-xor",
                                                    "broadcast",  "802.3ad",       "balance-tlb",
                                                    "balance-alb"};
  return mode < modes.size() ? modes.at(mode) : modes.front();
}

/// The same, "xmit_hash_policy".
std::string hash_policy_of_bond(std::uint8_t policy) {
  static constexpr std::array<const char*, 5> policies{"", "layer3+4", "layer2+3", "encap2+3",
                                                       "encap3+4"};
  return policy < policies.size() ? policies.at(policy) : "";
}

KindOfInterface kind_of(const Link& link, const Links& links) {
  if (link.kind == "vlan")
    return Vlan{link.number<std::uint16_t>(IFLA_VLAN_ID), links.at(link.parent).name};
  if (link.kind == "bond")
    return Bond{mode_of_bond(link.number<std::uint8_t>(IFLA_BOND_MODE)),
                link.number<std::uint32_t>(IFLA_BOND_MIIMON),
                link.number<std::uint8_t>(IFLA_BOND_AD_LACP_RATE) == 1,
                hash_policy_of_bond(link.number<std::uint8_t>(IFLA_BOND_XMIT_HASH_POLICY))};
  if (link.kind == "bridge") return Bridge{link.number<std::uint32_t>(IFLA_BR_STP_STATE) != 0};
  return Card{hardware_address(*link.message, IFLA_PERM_ADDRESS)};
}

std::optional<std::uint32_t> mtu_of(const Link& link) {
  return link.message->number<std::uint32_t>(IFLA_MTU);
}

Interface interface_of(const Link& link, const Links& links) {
  Interface interface;
  interface.name = link.name;
  interface.hardware_address = hardware_address(*link.message, IFLA_ADDRESS);
  const auto mtu = mtu_of(link);
  // A VLAN begins with that of its parent.
  const bool differs_from_parent = link.kind == "vlan" && mtu != mtu_of(links.at(link.parent));
  if (mtu && (*mtu != usual_mtu || differs_from_parent)) interface.mtu = mtu;
  interface.kind = kind_of(link, links);
  return interface;
}

}  // namespace

ChosenLinks choose_links(const std::vector<netlink::Message>& messages,
                         const std::set<std::uint32_t>& in_use) {
  const auto links = links_in(messages);
  Choice choice(links);
  ChosenLinks chosen;
  for (const auto number : in_use) {
    if (!choice.is_possible(number)) chosen.left_out.insert(number);
    choice.take(number);
  }
  std::map<std::string, int> users;
  for (const auto& [number, link] : links) ++users[hardware_address(*link.message, IFLA_ADDRESS)];
  for (const auto number : choice.taken()) {
    const auto& link = links.at(number);
    auto interface = interface_of(link, links);
    interface.is_alone_with_it = users[interface.hardware_address] == 1;
    if (choice.taken().contains(link.master)) interface.master = links.at(link.master).name;
    chosen.interfaces.emplace(number, std::move(interface));
  }
  return chosen;
}

}  // namespace dboot::network
