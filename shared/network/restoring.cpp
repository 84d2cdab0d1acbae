#include "shared/network/restoring.hpp"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "shared/network/link.hpp"
#include "shared/network/link_changes.hpp"

namespace dboot::netlink {
namespace {

constexpr std::uint32_t for_ever = 0xFFFFFFFF;

std::uint32_t flags_of(const Message& address) {
  return address.number<std::uint32_t>(IFA_FLAGS).value_or(address.body<ifaddrmsg>().ifa_flags);
}

std::optional<Message> address_request(const Message& recorded) {
  auto body = recorded.body<ifaddrmsg>();
  // What somebody has asked for; the rest of them is the address's state.
  constexpr std::uint32_t asked_for = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR |
                                      IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;
  const std::uint32_t flags = flags_of(recorded);
  if (body.ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY) != 0) return std::nullopt;
  body.ifa_flags = 0;
  return Builder(RTM_NEWADDR, body)
      .copy(recorded, {IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_ANYCAST,
                       IFA_RT_PRIORITY, IFA_PROTO})
      .put_number(IFA_FLAGS, flags & asked_for)
      .message();
}

std::optional<Message> nexthop_request(const Message& recorded) {
  auto body = recorded.body<nhmsg>();
  body.nh_flags &= RTNH_F_ONLINK;
  body.nh_scope = 0;
  return Builder(RTM_NEWNEXTHOP, body)
      .copy(recorded, {NHA_ID, NHA_GROUP, NHA_GROUP_TYPE, NHA_BLACKHOLE, NHA_OIF, NHA_GATEWAY,
                       NHA_ENCAP_TYPE, NHA_ENCAP, NHA_FDB})
      .message();
}

/// The ways of a route, without their state.
std::string ways_without_state(std::string_view bytes) {
  std::string ways(bytes);
  for (std::size_t at = 0; at + sizeof(rtnexthop) <= ways.size();) {
    auto hop = number_of<rtnexthop>(std::string_view(ways).substr(at)).value();
    if (hop.rtnh_len < sizeof hop) break;
    hop.rtnh_flags &= RTNH_F_ONLINK;
    ways.replace(at, sizeof hop, bytes_of(hop));
    at += RTNH_ALIGN(hop.rtnh_len);
  }
  return ways;
}

bool comes_with_an_address(const rtmsg& body) {
  const bool is_of_hosts = body.rtm_type == RTN_LOCAL || body.rtm_type == RTN_BROADCAST ||
                           body.rtm_type == RTN_ANYCAST || body.rtm_type == RTN_MULTICAST;
  return body.rtm_protocol == RTPROT_KERNEL && is_of_hosts;
}

std::optional<Message> route_request(const Message& recorded) {
  auto body = recorded.body<rtmsg>();
  if (comes_with_an_address(body)) return std::nullopt;
  body.rtm_flags &= RTNH_F_ONLINK;
  Builder builder(RTM_NEWROUTE, body);
  builder.copy(recorded, {RTA_DST, RTA_SRC, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_TABLE,
                          RTA_PREF, RTA_TTL_PROPAGATE});
  // The kernel shows what a nexthop object leads to, and takes the one or the other.
  if (recorded.find(RTA_NH_ID)) return builder.copy(recorded, {RTA_NH_ID}).message();
  builder.copy(recorded,
               {RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_FLOW, RTA_NEWDST, RTA_ENCAP_TYPE, RTA_ENCAP});
  if (const auto ways = recorded.find(RTA_MULTIPATH))
    builder.put(RTA_MULTIPATH, ways_without_state(*ways));
  return builder.message();
}

std::optional<Message> rule_request(const Message& recorded) {
  auto body = recorded.body<fib_rule_hdr>();
  body.flags &= FIB_RULE_INVERT;
  Builder builder(RTM_NEWRULE, body);
  bool has_priority = false;
  for (const auto& [type, value] : recorded.attributes()) {
    if (type == FRA_PAD) continue;
    has_priority = has_priority || type == FRA_PRIORITY;
    builder.put(type, value);
  }
  // Of 0 the kernel says nothing, and would choose another one.
  if (!has_priority) builder.put_number(FRA_PRIORITY, std::uint32_t{0});
  return builder.message();
}

std::optional<Message> neighbour_request(const Message& recorded) {
  auto body = recorded.body<ndmsg>();
  body.ndm_flags &= NTF_ROUTER;
  body.ndm_state = NUD_PERMANENT;
  return Builder(RTM_NEWNEIGH, body).copy(recorded, {NDA_DST, NDA_LLADDR, NDA_PROTOCOL}).message();
}

int flags_for(const Message& recorded) {
  switch (recorded.kind()) {
    case Kind::route:
      // IPv6 has one route of several ways, and IPv4 one for each set of them.
      if (recorded.body<rtmsg>().rtm_family == AF_INET6 && recorded.find(RTA_MULTIPATH))
        return NLM_F_CREATE | NLM_F_REPLACE;
      // Beside another one to the same place, where there is one.
      return NLM_F_CREATE | NLM_F_APPEND;
    case Kind::rule:
      return NLM_F_CREATE | NLM_F_EXCL;
    default:
      return NLM_F_CREATE | NLM_F_REPLACE;
  }
}

/// Seconds that it lasts; empty for ever.
std::optional<std::uint32_t> rest_of(const Message& message) {
  if (message.kind() == Kind::address) {
    const auto cache = message.number<ifa_cacheinfo>(IFA_CACHEINFO);
    if (!cache || cache->ifa_valid == for_ever) return std::nullopt;
    return cache->ifa_valid;
  }
  if (message.kind() == Kind::route) {
    const auto cache = message.number<rta_cacheinfo>(RTA_CACHEINFO);
    if (!cache || cache->rta_expires <= 0) return std::nullopt;
    return static_cast<std::uint32_t>(cache->rta_expires / ::sysconf(_SC_CLK_TCK));
  }
  return std::nullopt;
}

/// A route that comes from an address that is gone leads on from another one.
Message without_source(const Message& route) {
  Builder builder(RTM_NEWROUTE, route.body<rtmsg>());
  for (const auto& [type, value] : route.attributes()) {
    if (type != RTA_PREFSRC) builder.put(type, value);
  }
  return builder.message();
}

/// An address that is not to be used for what is new stays so.
Message with_preference(const Message& request, const Message& recorded) {
  const auto times = recorded.number<ifa_cacheinfo>(IFA_CACHEINFO);
  if (recorded.kind() != Kind::address || !times || times->ifa_prefered != 0) return request;
  ifa_cacheinfo deprecated{};
  deprecated.ifa_valid = for_ever;
  Builder builder(RTM_NEWADDR, request.body<ifaddrmsg>());
  for (const auto& [type, value] : request.attributes()) builder.put(type, value);
  return builder.put(IFA_CACHEINFO, bytes_of(deprecated)).message();
}

bool is_about(const Message& message, const std::vector<std::string>& addresses) {
  const auto own = own_address(message);
  return std::any_of(addresses.begin(), addresses.end(), [&](const std::string& address) {
    return own == std::string_view(bytes_of_address(address));
  });
}

}  // namespace

bool is_of_routers(const Message& message) {
  if (message.body<std::uint8_t>() != AF_INET6 || !rest_of(message)) return false;
  if (message.kind() == Kind::route) {
    const auto protocol = message.body<rtmsg>().rtm_protocol;
    return protocol == RTPROT_RA || protocol == RTPROT_KERNEL;
  }
  // Before Linux 5.18 the kernel does not say where it is from: those of routers are of 64 bits.
  constexpr std::uint8_t of_router = 2;  // IFAPROT_KERNEL_RA
  constexpr unsigned prefix_of_routers = 64;
  const auto origin = message.number<std::uint8_t>(IFA_PROTO);
  return origin ? *origin == of_router
                : message.body<ifaddrmsg>().ifa_prefixlen == prefix_of_routers;
}

std::uint32_t link_of(const Message& message) {
  switch (message.kind()) {
    case Kind::link:
      return number_of_link(message);
    case Kind::address:
      return message.body<ifaddrmsg>().ifa_index;
    case Kind::nexthop:
      return message.number<std::uint32_t>(NHA_OIF).value_or(0);
    case Kind::route:
      return message.number<std::uint32_t>(RTA_OIF).value_or(0);
    case Kind::neighbour:
      return static_cast<std::uint32_t>(message.body<ndmsg>().ndm_ifindex);
    case Kind::rule:
    case Kind::other:
      break;
  }
  return 0;
}

std::optional<Message> request_for(const Message& recorded) {
  switch (recorded.kind()) {
    case Kind::address:
      return address_request(recorded);
    case Kind::nexthop:
      return nexthop_request(recorded);
    case Kind::route:
      return route_request(recorded);
    case Kind::rule:
      return rule_request(recorded);
    case Kind::neighbour:
      return neighbour_request(recorded);
    case Kind::link:
    case Kind::other:
      break;
  }
  return std::nullopt;
}

std::vector<Change> changes(const std::vector<Message>& before, const std::vector<Message>& now) {
  if (!before.empty() && before.front().kind() == Kind::link) return changes_of_links(before, now);
  std::set<Message> there;
  for (const auto& message : now) {
    if (auto request = request_for(message)) there.insert(std::move(*request));
  }
  std::vector<Change> changes;
  for (const auto& message : before) {
    const auto request = request_for(message);
    if (request && !there.contains(*request))
      changes.push_back({with_preference(*request, message), flags_for(message), message});
  }
  return changes;
}

std::vector<Message> to_be_kept(const Network& recorded) {
  std::vector<Message> kept;
  for (const auto& bytes : recorded.messages) {
    auto message = Message::parse(bytes);
    if (!message) continue;
    if (!is_about(*message, recorded.given_up)) {
      kept.push_back(std::move(*message));
    } else if (message->kind() == Kind::route && !comes_with_an_address(message->body<rtmsg>())) {
      kept.push_back(without_source(*message));
    }
  }
  return kept;
}

std::vector<Change> removals(const std::vector<Message>& now,
                             const std::vector<std::string>& addresses) {
  std::vector<Change> found;
  for (const auto& message : now) {
    if (!is_about(message, addresses)) continue;
    Builder request(RTM_DELADDR, message.body<ifaddrmsg>());
    found.push_back({request.copy(message, {IFA_LOCAL, IFA_ADDRESS}).message(), 0, message});
  }
  return found;
}

std::vector<Ending> endings(const std::vector<Message>& now,
                            const std::function<bool(std::uint32_t link)>& is_renewed) {
  std::vector<Ending> found;
  for (const auto& message : now) {
    const auto left = rest_of(message);
    if (!left || (is_of_routers(message) && is_renewed(link_of(message)))) continue;
    auto request = request_for(message);
    if (!request) continue;
    // To replace a route of IPv6 would take the first one of its metric, whatever its device; the
    // same one once more has no end, although the kernel says that it is there (ip6_fib.c).
    const int flags = NLM_F_CREATE | (message.kind() == Kind::address ? NLM_F_REPLACE : 0);
    found.push_back(
        {{with_preference(*request, message), flags, message}, std::chrono::seconds(*left)});
  }
  return found;
}

}  // namespace dboot::netlink
