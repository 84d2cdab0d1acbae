#include "shared/network/message.hpp"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace dboot::netlink {
namespace {

/// What a message of that type has in front of its attributes (rtnetlink(7)).
std::size_t body_size(Kind kind) {
  switch (kind) {
    case Kind::link:
      return sizeof(ifinfomsg);
    case Kind::address:
      return sizeof(ifaddrmsg);
    case Kind::nexthop:
      return sizeof(nhmsg);
    case Kind::route:
      return sizeof(rtmsg);
    case Kind::rule:
      return sizeof(fib_rule_hdr);
    case Kind::neighbour:
      return sizeof(ndmsg);
    case Kind::other:
      return 0;
  }
  return 0;
}

void append(std::string& to, int type, std::string_view value) {
  constexpr std::size_t most = 0xFFFF;
  const std::size_t length = NLA_HDRLEN + value.size();
  if (length > most) throw std::invalid_argument("an attribute of netlink is too long");
  const nlattr header{static_cast<std::uint16_t>(length), static_cast<std::uint16_t>(type)};
  to += bytes_of(header);
  to += value;
  to.resize(NLA_ALIGN(to.size()));
}

}  // namespace

std::vector<Attribute> attributes_in(std::string_view bytes) {
  std::vector<Attribute> attributes;
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  for (int rest = static_cast<int>(bytes.size()); ::nla_ok(attribute, rest) != 0;
       attribute = ::nla_next(attribute, &rest)) {
    const auto* const value = static_cast<const char*>(::nla_data(attribute));
    attributes.push_back(
        {::nla_type(attribute), {value, static_cast<std::size_t>(::nla_len(attribute))}});
  }
  return attributes;
}

std::optional<std::string_view> find_in(std::string_view attributes, int type) {
  for (const auto& attribute : attributes_in(attributes)) {
    if (attribute.type == type) return attribute.value;
  }
  return std::nullopt;
}

std::string text_in(std::optional<std::string_view> bytes) {
  return bytes ? std::string(bytes->substr(0, bytes->find('\0'))) : "";
}

static_assert(sizeof(nlmsghdr) == 16);

std::optional<Message> Message::parse(std::string bytes) {
  const auto header = number_of<nlmsghdr>(bytes);
  if (!header || header->nlmsg_len != bytes.size()) return std::nullopt;
  Message message(std::move(bytes));
  if (message.bytes_.size() < header_size + NLMSG_ALIGN(body_size(message.kind())))
    return std::nullopt;
  return message;
}

std::uint16_t Message::type() const noexcept {
  return number_of<nlmsghdr>(bytes_).value_or(nlmsghdr{}).nlmsg_type;
}

Kind Message::kind() const noexcept {
  switch (type()) {
    case RTM_NEWLINK:
      return Kind::link;
    case RTM_NEWADDR:
      return Kind::address;
    case RTM_NEWNEXTHOP:
      return Kind::nexthop;
    case RTM_NEWROUTE:
      return Kind::route;
    case RTM_NEWRULE:
      return Kind::rule;
    case RTM_NEWNEIGH:
      return Kind::neighbour;
    default:
      return Kind::other;
  }
}

std::vector<Attribute> Message::attributes() const {
  return attributes_in(
      std::string_view(bytes_).substr(header_size + NLMSG_ALIGN(body_size(kind()))));
}

std::optional<std::string_view> Message::find(int attribute) const {
  for (const auto& [type, value] : attributes()) {
    if (type == attribute) return value;
  }
  return std::nullopt;
}

void Builder::pad() {
  content_.resize(NLMSG_ALIGN(content_.size()));
}

Builder& Builder::put(int attribute, std::string_view value) {
  append(content_, attribute, value);
  return *this;
}

Builder& Builder::copy(const Message& from, std::initializer_list<int> attributes) {
  for (const auto& [type, value] : from.attributes()) {
    if (std::find(attributes.begin(), attributes.end(), type) != attributes.end()) put(type, value);
  }
  return *this;
}

Message Builder::message() const {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + content_.size());
  header.nlmsg_type = type_;
  return Message::parse(std::string(bytes_of(header)) + content_).value();
}

std::string bytes_of_address(const std::string& text) {
  std::array<char, sizeof(in6_addr)> bytes{};
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return {bytes.data(), sizeof(in_addr)};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {bytes.data(), bytes.size()};
  return "";
}

std::optional<std::string_view> own_address(const Message& message) {
  if (message.kind() == Kind::route) return message.find(RTA_PREFSRC);
  if (message.kind() != Kind::address) return std::nullopt;
  const auto local = message.find(IFA_LOCAL);
  return local ? local : message.find(IFA_ADDRESS);
}

std::string nested(std::initializer_list<Attribute> attributes) {
  std::string value;
  for (const auto& attribute : attributes) append(value, attribute.type, attribute.value);
  return value;
}

}  // namespace dboot::netlink
