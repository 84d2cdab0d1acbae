#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "shared/network/state.hpp"

namespace dboot::netlink {
namespace {

std::string name_of(const LinkNames& names, std::uint32_t number) {
  const auto found = names.find(number);
  return found == names.end() ? "number " + std::to_string(number) : found->second;
}

std::string family_of(std::uint8_t family) {
  return family == AF_INET6 ? "-6 " : "";
}

/// Collects words.
class Words {
 public:
  explicit Words(std::string first) : text_(std::move(first)) {}
  Words& add(std::string_view word) {
    text_ += ' ';
    text_ += word;
    return *this;
  }
  Words& add(std::string_view key, std::optional<std::string_view> address) {
    return address ? add(key).add(address_in(*address)) : *this;
  }
  Words& add(std::string_view key, std::optional<std::uint32_t> number) {
    return number ? add(key).add(std::to_string(*number)) : *this;
  }
  std::string text() { return std::move(text_); }

 private:
  std::string text_;
};

std::string via_in(std::string_view bytes) {
  // struct rtvia: a family, then the address.
  return bytes.size() < 2 ? "?" : address_in(bytes.substr(2));
}

std::string prefix(const std::optional<std::string_view>& address, unsigned length) {
  if (!address) return "default";
  const unsigned whole = static_cast<unsigned>(address->size()) * 8;
  return address_in(*address) + (length == whole ? "" : "/" + std::to_string(length));
}

std::string of_link(const Message& message, const LinkNames& names) {
  const auto body = message.body<ifinfomsg>();
  Words words("link " + name_of(names, static_cast<std::uint32_t>(body.ifi_index)));
  words.add("mtu", message.number<std::uint32_t>(IFLA_MTU));
  if (const auto master = message.number<std::uint32_t>(IFLA_MASTER))
    words.add("master").add(name_of(names, *master));
  return words.add((body.ifi_flags & IFF_UP) != 0 ? "up" : "down").text();
}

std::string of_address(const Message& message, const LinkNames& names) {
  const auto body = message.body<ifaddrmsg>();
  const auto own = message.find(IFA_LOCAL);
  const auto address = own ? own : message.find(IFA_ADDRESS);
  Words words("address " + address_in(address.value_or("")) + '/' +
              std::to_string(body.ifa_prefixlen));
  if (own && message.find(IFA_ADDRESS) != own) words.add("peer", message.find(IFA_ADDRESS));
  return words.add("dev").add(name_of(names, body.ifa_index)).text();
}

/// The way that a route or a nexthop takes.
void add_way(Words& words, const LinkNames& names, std::optional<std::string_view> gateway,
             std::optional<std::string_view> via, std::optional<std::uint32_t> device) {
  words.add("via", gateway);
  if (via) words.add("via").add(via_in(*via));
  if (device) words.add("dev").add(name_of(names, *device));
}

void add_ways(Words& words, const LinkNames& names, std::string_view bytes) {
  while (const auto hop = number_of<rtnexthop>(bytes)) {
    if (hop->rtnh_len < sizeof *hop || hop->rtnh_len > bytes.size()) return;
    std::optional<std::string_view> gateway;
    std::optional<std::string_view> via;
    for (const auto& [type, value] :
         attributes_in(bytes.substr(sizeof *hop, hop->rtnh_len - sizeof *hop))) {
      if (type == RTA_GATEWAY) gateway = value;
      if (type == RTA_VIA) via = value;
    }
    words.add("nexthop");
    add_way(words, names, gateway, via, static_cast<std::uint32_t>(hop->rtnh_ifindex));
    bytes.remove_prefix(std::min<std::size_t>(RTNH_ALIGN(hop->rtnh_len), bytes.size()));
  }
}

std::string type_of_route(unsigned type) {
  static constexpr std::array<std::string_view, 12> names{
      "unspecified ", "",          "local ", "broadcast ", "anycast ", "multicast ", "blackhole ",
      "unreachable ", "prohibit ", "throw ", "nat ",       "xresolve "};
  return type < names.size() ? std::string(names.at(type)) : std::to_string(type) + ' ';
}

std::string of_route(const Message& message, const LinkNames& names) {
  const auto body = message.body<rtmsg>();
  const auto destination = message.find(RTA_DST);
  Words words("route " + (destination ? "" : family_of(body.rtm_family)) +
              type_of_route(body.rtm_type) + prefix(destination, body.rtm_dst_len));
  if (const auto source = message.find(RTA_SRC))
    words.add("from").add(prefix(source, body.rtm_src_len));
  const auto nexthop = message.number<std::uint32_t>(RTA_NH_ID);
  words.add("nhid", nexthop);
  if (!nexthop) {
    add_way(words, names, message.find(RTA_GATEWAY), message.find(RTA_VIA),
            message.number<std::uint32_t>(RTA_OIF));
    add_ways(words, names, message.find(RTA_MULTIPATH).value_or(""));
  }
  if ((body.rtm_flags & RTNH_F_ONLINK) != 0) words.add("onlink");
  words.add("src", message.find(RTA_PREFSRC));
  words.add("metric", message.number<std::uint32_t>(RTA_PRIORITY));
  const auto table = message.number<std::uint32_t>(RTA_TABLE).value_or(body.rtm_table);
  if (table != RT_TABLE_MAIN) words.add("table", table);
  return words.text();
}

std::string of_rule(const Message& message) {
  const auto body = message.body<fib_rule_hdr>();
  const auto name = [&](int attribute) {
    const auto value = message.find(attribute).value_or("");
    return std::string(value.substr(0, value.find('\0')));
  };
  Words words("rule " + family_of(body.family) + "priority " +
              std::to_string(message.number<std::uint32_t>(FRA_PRIORITY).value_or(0)));
  if (const auto from = message.find(FRA_SRC)) words.add("from").add(prefix(from, body.src_len));
  if (const auto to = message.find(FRA_DST)) words.add("to").add(prefix(to, body.dst_len));
  if (message.find(FRA_IIFNAME)) words.add("iif").add(name(FRA_IIFNAME));
  if (message.find(FRA_OIFNAME)) words.add("oif").add(name(FRA_OIFNAME));
  words.add("fwmark", message.number<std::uint32_t>(FRA_FWMARK));
  if (body.action == FR_ACT_TO_TBL)
    words.add("table", message.number<std::uint32_t>(FRA_TABLE).value_or(body.table));
  return words.text();
}

std::string of_nexthop(const Message& message, const LinkNames& names) {
  Words words("nexthop " + std::to_string(message.number<std::uint32_t>(NHA_ID).value_or(0)));
  add_way(words, names, message.find(NHA_GATEWAY), std::nullopt,
          message.number<std::uint32_t>(NHA_OIF));
  if (const auto group = message.find(NHA_GROUP))
    words.add("group of").add(std::to_string(group->size() / sizeof(nexthop_grp)));
  return words.text();
}

std::string of_neighbour(const Message& message, const LinkNames& names) {
  const auto body = message.body<ndmsg>();
  Words words("neighbour " + address_in(message.find(NDA_DST).value_or("")));
  if (const auto hardware = message.find(NDA_LLADDR))
    words.add("lladdr").add(hardware_address_in(*hardware));
  return words.add("dev").add(name_of(names, static_cast<std::uint32_t>(body.ndm_ifindex))).text();
}

}  // namespace

std::string address_in(std::string_view bytes) {
  constexpr std::size_t of_ipv4 = 4;
  constexpr std::size_t of_ipv6 = 16;
  if (bytes.size() != of_ipv4 && bytes.size() != of_ipv6) return "?";
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(bytes.size() == of_ipv4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::string hardware_address_in(std::string_view bytes) {
  std::string text;
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    if (!text.empty()) text += ':';
    text += digits[value / digits.size()];
    text += digits[value % digits.size()];
  }
  return text;
}

std::string in_words(const Message& message, const LinkNames& names) {
  switch (message.kind()) {
    case Kind::link:
      return of_link(message, names);
    case Kind::address:
      return of_address(message, names);
    case Kind::nexthop:
      return of_nexthop(message, names);
    case Kind::route:
      return of_route(message, names);
    case Kind::rule:
      return of_rule(message);
    case Kind::neighbour:
      return of_neighbour(message, names);
    case Kind::other:
      break;
  }
  return "message of type " + std::to_string(message.type());
}

}  // namespace dboot::netlink
