#include "shared/network/state.hpp"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <iterator>

#include "shared/network/link.hpp"

namespace dboot::netlink {
namespace {

/// All bodies begin with the family.
template <class Body>
Message question(std::uint16_t type, std::uint8_t family) {
  Body body{};
  std::memcpy(&body, &family, sizeof family);
  return Builder(type, body).message();
}

std::vector<Message> questions_about(Kind kind) {
  switch (kind) {
    case Kind::link:
      return {question<ifinfomsg>(RTM_GETLINK, AF_UNSPEC)};
    case Kind::address:
      return {question<ifaddrmsg>(RTM_GETADDR, AF_INET),
              question<ifaddrmsg>(RTM_GETADDR, AF_INET6)};
    case Kind::nexthop:
      return {question<nhmsg>(RTM_GETNEXTHOP, AF_UNSPEC)};
    case Kind::route:
      return {question<rtmsg>(RTM_GETROUTE, AF_INET), question<rtmsg>(RTM_GETROUTE, AF_INET6)};
    case Kind::rule:
      return {question<fib_rule_hdr>(RTM_GETRULE, AF_INET),
              question<fib_rule_hdr>(RTM_GETRULE, AF_INET6)};
    case Kind::neighbour:
      return {question<ndmsg>(RTM_GETNEIGH, AF_INET), question<ndmsg>(RTM_GETNEIGH, AF_INET6)};
    case Kind::other:
      break;
  }
  return {};
}

bool is_configured(const Message& message) {
  switch (message.kind()) {
    case Kind::route:
      return (message.body<rtmsg>().rtm_flags & RTM_F_CLONED) == 0;
    case Kind::neighbour:
      return (message.body<ndmsg>().ndm_state & NUD_PERMANENT) != 0;
    default:
      return true;
  }
}

}  // namespace

std::vector<Message> read(Socket& socket, Kind kind) {
  std::vector<Message> found;
  for (const auto& question : questions_about(kind)) {
    // A kernel without IPv6 answers for all families that it has.
    const auto family = question.body<std::uint8_t>();
    for (auto& message : socket.dump(question)) {
      const bool is_asked_for = family == AF_UNSPEC || message.body<std::uint8_t>() == family;
      if (message.kind() == kind && is_asked_for && is_configured(message))
        found.push_back(std::move(message));
    }
  }
  return found;
}

std::vector<Message> read_all(Socket& socket) {
  std::vector<Message> found;
  for (const auto kind : in_order) {
    auto some = read(socket, kind);
    found.insert(found.end(), std::make_move_iterator(some.begin()),
                 std::make_move_iterator(some.end()));
  }
  return found;
}

std::vector<Message> of_kind(const std::vector<Message>& messages, Kind kind) {
  std::vector<Message> found;
  for (const auto& message : messages) {
    if (message.kind() == kind) found.push_back(message);
  }
  return found;
}

LinkNames names_of_links(const std::vector<Message>& messages) {
  LinkNames names;
  for (const auto& message : messages) {
    if (message.kind() != Kind::link) continue;
    names[number_of_link(message)] = name_of_link(message);
  }
  return names;
}

}  // namespace dboot::netlink
