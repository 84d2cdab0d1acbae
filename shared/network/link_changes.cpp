#include "shared/network/link_changes.hpp"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>

#include "shared/network/link.hpp"

namespace dboot::netlink {
namespace {

/// A kind of link that is nothing but what the kernel was told of it.
struct MadeOfWords {
  std::string_view kind;
  std::vector<int> needed;     ///< of its data, to make one
  std::vector<int> read_only;  ///< or refers to links that are not there yet
};

/// IFLA_BR_FDB_N_LEARNED, of Linux 6.7.
constexpr int fdb_n_learned = IFLA_BR_MCAST_QUERIER_STATE + 1;

const MadeOfWords* made_of_words(const std::string& kind) {
  static const std::array<MadeOfWords, 5> kinds{
      {{"vlan", {IFLA_VLAN_ID, IFLA_VLAN_PROTOCOL}, {}},
       {"bond", {IFLA_BOND_MODE}, {IFLA_BOND_ACTIVE_SLAVE, IFLA_BOND_AD_INFO}},
       {"bridge", {}, {IFLA_BR_MCAST_QUERIER_STATE, fdb_n_learned}},
       {"dummy", {}, {}},
       {"vrf", {IFLA_VRF_TABLE}, {}}}};
  const auto* const found =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& one) { return one.kind == kind; });
  return found == kinds.end() ? nullptr : found;
}

bool has(const std::vector<int>& list, int type) {
  return std::find(list.begin(), list.end(), type) != list.end();
}

/// Of a link by its number, without anything to change.
ifinfomsg body_for(const Message& link) {
  ifinfomsg body{};
  body.ifi_index = link.body<ifinfomsg>().ifi_index;
  return body;
}

/// An option as the kernel takes it. Of a VLAN's flags it takes those that it knows alone, and says
/// that all of them count (net/8021q/vlan_netlink.c); a new VLAN has one of them.
std::string as_asked_for(const std::string& kind, const Attribute& option) {
  auto flags = number_of<ifla_vlan_flags>(option.value);
  if (kind != "vlan" || option.type != IFLA_VLAN_FLAGS || !flags) return nested({option});
  flags->mask = flags->flags | VLAN_FLAG_REORDER_HDR;
  return nested({{IFLA_VLAN_FLAGS, bytes_of(*flags)}});
}

/// Makes it, with the number that it had, and then gives it each of its options: which of them the
/// kernel takes depends on others of them (drivers/net/bonding/bond_options.c).
std::vector<Change> making(const Message& link) {
  const auto kind = kind_of_link(link);
  const auto* const how = made_of_words(kind);
  if (how == nullptr) return {};
  std::string needed;
  std::vector<Change> options;
  for (const auto& attribute : attributes_in(data_of_link(link))) {
    const auto bytes = as_asked_for(kind, attribute);
    if (has(how->needed, attribute.type)) {
      needed += bytes;
    } else if (!has(how->read_only, attribute.type)) {
      const auto information = nested({{IFLA_INFO_KIND, kind}, {IFLA_INFO_DATA, bytes}});
      options.push_back(
          {Builder(RTM_NEWLINK, body_for(link)).put(IFLA_LINKINFO, information).message(), 0,
           link});
    }
  }
  const auto information = nested({{IFLA_INFO_KIND, kind}, {IFLA_INFO_DATA, needed}});
  std::vector<Change> changes{{Builder(RTM_NEWLINK, body_for(link))
                                   .copy(link, {IFLA_IFNAME, IFLA_LINK, IFLA_MTU, IFLA_ADDRESS})
                                   .put(IFLA_LINKINFO, information)
                                   .message(),
                               NLM_F_CREATE | NLM_F_EXCL, link}};
  changes.insert(changes.end(), options.begin(), options.end());
  return changes;
}

Message up_or_down(const Message& link, bool up) {
  auto body = body_for(link);
  body.ifi_change = IFF_UP;
  body.ifi_flags = up ? IFF_UP : 0;
  return Builder(RTM_NEWLINK, body).message();
}

/// `now`: null when it is gone.
void add_changes_of_link(const Message& link, const Message* now, std::vector<Change>& changes) {
  if (now == nullptr) {
    auto made = making(link);
    if (made.empty()) return;
    changes.insert(changes.end(), made.begin(), made.end());
  }
  const auto number = [](const Message* message, int attribute) {
    return message == nullptr ? 0 : message->number<std::uint32_t>(attribute).value_or(0);
  };
  const auto set = [&](int attribute, std::uint32_t value) {
    changes.push_back(
        {Builder(RTM_NEWLINK, body_for(link)).put_number(attribute, value).message(), 0, link});
  };
  bool is_up = now != nullptr && (now->body<ifinfomsg>().ifi_flags & IFF_UP) != 0;
  const auto master = number(&link, IFLA_MASTER);
  if (master != 0 && master != number(now, IFLA_MASTER)) {
    // A bond takes none that is up.
    if (is_up) changes.push_back({up_or_down(link, false), 0, link});
    is_up = false;
    set(IFLA_MASTER, master);
  }
  if (number(&link, IFLA_MTU) != number(now, IFLA_MTU)) set(IFLA_MTU, number(&link, IFLA_MTU));
  if ((link.body<ifinfomsg>().ifi_flags & IFF_UP) != 0 && !is_up)
    changes.push_back({up_or_down(link, true), 0, link});
}

}  // namespace

bool is_same_link(const Message& one, const Message& other) {
  return number_of_link(one) == number_of_link(other) && name_of_link(one) == name_of_link(other);
}

bool is_taken(const Message& link, const std::vector<Message>& now) {
  return std::any_of(now.begin(), now.end(), [&](const Message& one) {
    const bool has_number = number_of_link(one) == number_of_link(link);
    return has_number != (name_of_link(one) == name_of_link(link));
  });
}

std::vector<Change> changes_of_links(const std::vector<Message>& before,
                                     const std::vector<Message>& now) {
  const auto there = links_by_number(now);
  const auto find = [&](const Message& link) -> const Message* {
    const auto found = there.find(number_of_link(link));
    return found != there.end() && is_same_link(*found->second, link) ? found->second : nullptr;
  };
  std::vector<Change> changes;
  // First what others lie on, or are of: what is made of words, without a link below.
  const auto add = [&](bool is_first) {
    for (const auto& link : before) {
      const auto* const found = find(link);
      if (found == nullptr && is_taken(link, now)) continue;
      const bool lies_alone = found == nullptr && !link.find(IFLA_LINK);
      if (lies_alone == is_first) add_changes_of_link(link, found, changes);
    }
  };
  add(true);
  add(false);
  return changes;
}

bool is_so(const Change& change, const std::vector<Message>& now) {
  if (change.request.kind() != Kind::link) return false;
  const auto options = attributes_in(data_of_link(change.request));
  const auto number = change.request.body<ifinfomsg>().ifi_index;
  const auto link = std::find_if(now.begin(), now.end(), [&](const Message& one) {
    return one.kind() == Kind::link && one.body<ifinfomsg>().ifi_index == number;
  });
  if (options.empty() || link == now.end()) return false;
  const auto has_it = [&](const Attribute& option) {
    const auto there = attributes_in(data_of_link(*link));
    return std::any_of(there.begin(), there.end(), [&](const Attribute& one) {
      return one.type == option.type && one.value == option.value;
    });
  };
  return std::all_of(options.begin(), options.end(), has_it);
}

}  // namespace dboot::netlink
