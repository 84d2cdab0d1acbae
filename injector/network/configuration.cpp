#include "injector/network/configuration.hpp"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>

#include "injector/network/links.hpp"
#include "shared/network/restoring.hpp"
#include "shared/network/settings.hpp"
#include "shared/network/state.hpp"

namespace dboot::network {
namespace {

using netlink::Message;

/// What has given the address (linux/if_addr.h, since Linux 5.18).
constexpr std::uint8_t from_router = 2;  // IFAPROT_KERNEL_RA
constexpr std::uint8_t link_local = 3;   // IFAPROT_KERNEL_LL
constexpr std::uint32_t for_ever = 0xFFFFFFFF;
/// Of IPv6 the kernel always names one, and this one where nobody has.
constexpr std::uint32_t usual_metric = 1024;  // IP6_RT_PRIO_USER

Family family_of(std::uint8_t family) {
  return family == AF_INET6 ? Family::ipv6 : Family::ipv4;
}

std::string with_prefix(std::string_view address, unsigned length) {
  return netlink::address_in(address) + '/' + std::to_string(length);
}

std::string network_in(std::optional<std::string_view> address, unsigned length) {
  return address && length != 0 ? with_prefix(*address, length) : "";
}

/// What lies on one link.
struct Content {
  std::vector<Address> addresses;
  std::vector<Route> routes;
  std::vector<Neighbour> neighbours;
};

/// Whether a rule has one that no format is told: without it, it would be met by everything.
bool has_more_conditions(const Message& rule) {
  constexpr std::uint32_t none = 0xFFFFFFFF;
  const auto attributes = rule.attributes();
  return std::any_of(attributes.begin(), attributes.end(), [&](const netlink::Attribute& one) {
    switch (one.type) {
      case FRA_DST:
      case FRA_SRC:
      case FRA_PRIORITY:
      case FRA_FWMARK:
      case FRA_TABLE:
      case FRA_PROTOCOL:
      case FRA_PAD:
        return false;
      case FRA_FWMASK:
      case FRA_SUPPRESS_PREFIXLEN:
        return rule.number<std::uint32_t>(one.type) != none;
      case FRA_L3MDEV:
        return rule.number<std::uint8_t>(one.type) != std::uint8_t{0};
      default:
        return true;
    }
  });
}

/// Sorts what was recorded.
class Reader {
 public:
  explicit Reader(const Network& recorded)
      : settings_(recorded.settings), messages_(netlink::to_be_kept(recorded)) {
    names_ = netlink::names_of_links(messages_);
    // The one of "lo", where the kernel tells them at all.
    knows_origins_ = std::any_of(messages_.begin(), messages_.end(), [](const Message& message) {
      return message.kind() == netlink::Kind::address && message.find(IFA_PROTO).has_value();
    });
  }

  Configuration read() {
    for (const auto& message : messages_) add(message);
    std::set<std::uint32_t> in_use;
    for (const auto& [number, content] : contents_) in_use.insert(number);
    auto chosen = choose_links(netlink::of_kind(messages_, netlink::Kind::link), in_use);
    for (const auto number : chosen.left_out) leave_out_link(number);
    for (auto& [number, interface] : chosen.interfaces) {
      fill(interface, std::move(contents_[number]));
      configuration_.interfaces.push_back(std::move(interface));
    }
    for (auto& rule : rules_) place(std::move(rule));
    return std::move(configuration_);
  }

 private:
  void add(const Message& message) {
    switch (message.kind()) {
      case netlink::Kind::address:
        return add_address(message);
      case netlink::Kind::route:
        return add_route(message);
      case netlink::Kind::rule:
        return add_rule(message);
      case netlink::Kind::neighbour:
        return add_neighbour(message);
      default:
        return;
    }
  }

  void leave_out(const Message& message) {
    configuration_.left_out.push_back(netlink::in_words(message, names_));
  }

  void leave_out_link(std::uint32_t number) {
    for (const auto& message : messages_) {
      const bool is_it = message.kind() == netlink::Kind::link &&
                         static_cast<std::uint32_t>(message.body<ifinfomsg>().ifi_index) == number;
      if (is_it) leave_out(message);
    }
  }

  std::string name_of(std::uint32_t number) const {
    const auto found = names_.find(number);
    return found == names_.end() ? "" : found->second;
  }
  bool is_loopback(std::uint32_t number) const { return name_of(number) == "lo"; }

  /// Whoever configures the link makes it again.
  bool is_made_for_the_link(const Message& address, std::string_view bytes) const {
    const auto body = address.body<ifaddrmsg>();
    const bool is_of_link = body.ifa_family == AF_INET6 && body.ifa_scope == RT_SCOPE_LINK &&
                            bytes.starts_with("\xfe\x80");
    if (!is_of_link) return false;
    const auto generation =
        netlink::value_of(settings_, "ipv6/conf/" + name_of(body.ifa_index) + "/addr_gen_mode");
    return !knows_origins_ || address.number<std::uint8_t>(IFA_PROTO) == link_local ||
           generation == "1";
  }

  /// A router advertises its prefix, and will again.
  bool comes_from_router(const Message& address) const {
    constexpr unsigned length_of_prefix = 64;
    const auto body = address.body<ifaddrmsg>();
    if (body.ifa_family != AF_INET6 || !netlink::hears_routers(settings_, name_of(body.ifa_index)))
      return false;
    if (const auto origin = address.number<std::uint8_t>(IFA_PROTO)) return *origin == from_router;
    const auto cache = address.number<ifa_cacheinfo>(IFA_CACHEINFO);
    return !knows_origins_ && cache && cache->ifa_valid != for_ever &&
           body.ifa_prefixlen == length_of_prefix;
  }

  void add_address(const Message& message) {
    const auto body = message.body<ifaddrmsg>();
    const auto peer = message.find(IFA_ADDRESS);
    const auto own = message.find(IFA_LOCAL).value_or(peer.value_or(""));
    const auto flags = message.number<std::uint32_t>(IFA_FLAGS).value_or(body.ifa_flags);
    const bool is_temporary = body.ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY) != 0;
    if (own.empty() || is_loopback(body.ifa_index) || is_temporary ||
        is_made_for_the_link(message, own) || comes_from_router(message))
      return;
    auto& content = contents_[body.ifa_index];
    const auto family = family_of(body.ifa_family);
    if (!peer || *peer == own) {
      content.addresses.push_back({family, with_prefix(own, body.ifa_prefixlen)});
      return;
    }
    // Not every format has a peer: to each of them it is an address alone, and the way there.
    content.addresses.push_back({family, with_prefix(own, static_cast<unsigned>(own.size()) * 8)});
    Route route;
    route.family = family;
    route.destination = with_prefix(*peer, body.ifa_prefixlen);
    content.routes.push_back(std::move(route));
  }

  bool is_made_by_itself(const Message& message) const {
    const auto body = message.body<rtmsg>();
    const auto device = message.number<std::uint32_t>(RTA_OIF).value_or(0);
    return body.rtm_protocol == RTPROT_KERNEL || body.rtm_protocol == RTPROT_REDIRECT ||
           is_loopback(device) ||
           (body.rtm_protocol == RTPROT_RA && netlink::hears_routers(settings_, name_of(device)));
  }

  void add_route(const Message& message) {
    if (is_made_by_itself(message)) return;
    const auto body = message.body<rtmsg>();
    const auto device = message.number<std::uint32_t>(RTA_OIF);
    const bool is_plain = body.rtm_type == RTN_UNICAST && device && body.rtm_src_len == 0 &&
                          body.rtm_tos == 0 && !message.find(RTA_VIA) &&
                          !message.find(RTA_MULTIPATH) && !message.find(RTA_ENCAP);
    if (!is_plain) return leave_out(message);
    Route route;
    route.family = family_of(body.rtm_family);
    route.destination = network_in(message.find(RTA_DST), body.rtm_dst_len);
    if (const auto gateway = message.find(RTA_GATEWAY))
      route.gateway = netlink::address_in(*gateway);
    route.is_on_link = (body.rtm_flags & RTNH_F_ONLINK) != 0;
    route.metric = message.number<std::uint32_t>(RTA_PRIORITY);
    if (route.family == Family::ipv6 && route.metric == usual_metric) route.metric.reset();
    if (const auto source = message.find(RTA_PREFSRC)) route.source = netlink::address_in(*source);
    const auto table = message.number<std::uint32_t>(RTA_TABLE).value_or(body.rtm_table);
    if (table != RT_TABLE_MAIN) route.table = table;
    contents_[*device].routes.push_back(std::move(route));
  }

  void add_rule(const Message& message) {
    const auto body = message.body<fib_rule_hdr>();
    if (message.number<std::uint8_t>(FRA_PROTOCOL) == std::uint8_t{RTPROT_KERNEL}) return;
    if (body.action != FR_ACT_TO_TBL || (body.flags & FIB_RULE_INVERT) != 0 || body.tos != 0 ||
        has_more_conditions(message))
      return leave_out(message);
    rules_.push_back(
        {family_of(body.family), message.number<std::uint32_t>(FRA_PRIORITY).value_or(0),
         network_in(message.find(FRA_SRC), body.src_len),
         network_in(message.find(FRA_DST), body.dst_len), message.number<std::uint32_t>(FRA_FWMARK),
         message.number<std::uint32_t>(FRA_TABLE).value_or(body.table)});
  }

  void add_neighbour(const Message& message) {
    constexpr unsigned without_learning = NUD_PERMANENT;
    const auto body = message.body<ndmsg>();
    const auto address = message.find(NDA_DST);
    const auto hardware = message.find(NDA_LLADDR);
    if ((body.ndm_state & without_learning) == 0 || !address || !hardware ||
        (body.ndm_flags & NTF_PROXY) != 0)
      return;
    contents_[static_cast<std::uint32_t>(body.ndm_ifindex)].neighbours.push_back(
        {netlink::address_in(*address), netlink::hardware_address_in(*hardware)});
  }

  void fill(Interface& interface, Content content) const {
    interface.has_ipv6 =
        netlink::value_of(settings_, "ipv6/conf/" + interface.name + "/disable_ipv6") != "1";
    interface.hears_routers = netlink::hears_routers(settings_, interface.name);
    interface.addresses = std::move(content.addresses);
    interface.routes = std::move(content.routes);
    interface.neighbours = std::move(content.neighbours);
    std::stable_partition(interface.routes.begin(), interface.routes.end(),
                          [](const Route& route) { return route.gateway.empty(); });
  }

  /// With the routes of its table; with the first interface where none has any.
  void place(Rule rule) {
    auto& interfaces = configuration_.interfaces;
    if (interfaces.empty()) return;
    const auto has_table = [&](const Interface& interface) {
      return std::any_of(interface.routes.begin(), interface.routes.end(), [&](const Route& route) {
        return route.table.value_or(RT_TABLE_MAIN) == rule.table;
      });
    };
    auto found = std::find_if(interfaces.begin(), interfaces.end(), has_table);
    if (found == interfaces.end()) found = interfaces.begin();
    found->rules.push_back(std::move(rule));
  }

  const std::vector<std::string>& settings_;
  std::vector<Message> messages_;
  netlink::LinkNames names_;
  bool knows_origins_ = false;
  std::map<std::uint32_t, Content> contents_;
  std::vector<Rule> rules_;
  Configuration configuration_;
};

/// Of the resolver's file, which may hold anything. One on the host itself ends with it.
bool is_server_elsewhere(const std::string& text) {
  if (text.starts_with("127.") || text == "::1") return false;
  return !netlink::bytes_of_address(text).empty();
}

bool is_domain(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '.' || letter == '-' || letter == '_';
  });
}

}  // namespace

Configuration configuration_of(const Network& recorded) {
  auto configuration = Reader(recorded).read();
  std::copy_if(recorded.name_servers.begin(), recorded.name_servers.end(),
               std::back_inserter(configuration.name_servers), is_server_elsewhere);
  std::copy_if(recorded.search_domains.begin(), recorded.search_domains.end(),
               std::back_inserter(configuration.search_domains), is_domain);
  return configuration;
}

std::vector<std::string> parts_of(const Configuration& configuration, const std::string& master) {
  std::vector<std::string> parts;
  for (const auto& interface : configuration.interfaces) {
    if (interface.master == master) parts.push_back(interface.name);
  }
  return parts;
}

}  // namespace dboot::network
