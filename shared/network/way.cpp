#include "shared/network/way.hpp"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <thread>

#include "shared/network/link.hpp"
#include "shared/network/state.hpp"

namespace dboot::netlink {
namespace {

std::uint8_t family_of(std::string_view address) {
  return address.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
}

std::uint32_t number_of_device(const std::vector<Message>& links, const std::string& name) {
  for (const auto& [number, known] : names_of_links(links)) {
    if (known == name) return number;
  }
  throw std::system_error(ENODEV, std::generic_category(), name);
}

/// The route that the kernel takes to `destination`.
Message ask_for_route(Socket& socket, const std::string& destination, std::uint32_t device) {
  rtmsg body{};
  body.rtm_family = family_of(destination);
  body.rtm_dst_len = static_cast<std::uint8_t>(destination.size() * 8);
  Builder question(RTM_GETROUTE, body);
  question.put(RTA_DST, destination);
  if (device != 0) question.put_number(RTA_OIF, device);
  auto answers = socket.request(question.message(), 0);
  if (answers.empty()) throw std::system_error(ENETUNREACH, std::generic_category(), "no answer");
  return std::move(answers.front());
}

std::string gateway_of(const Message& route) {
  if (const auto gateway = route.find(RTA_GATEWAY)) return address_in(*gateway);
  // struct rtvia: a family, then the address.
  if (const auto via = route.find(RTA_VIA); via && via->size() > 2)
    return address_in(via->substr(2));
  return "";
}

bool is_usable(const Message& link) {
  constexpr unsigned usable = IFF_UP | IFF_LOWER_UP;
  return (link.body<ifinfomsg>().ifi_flags & usable) == usable;
}

ndmsg body_for(const Way& way, std::string_view address) {
  ndmsg body{};
  body.ndm_family = family_of(address);
  body.ndm_ifindex = static_cast<std::int32_t>(way.link);
  return body;
}

/// 0 where the kernel has no such neighbour.
unsigned state_of(Socket& socket, const Way& way, const std::string& address) {
  try {
    const auto question =
        Builder(RTM_GETNEIGH, body_for(way, address)).put(NDA_DST, address).message();
    const auto answers = socket.request(question, 0);
    return answers.empty() ? 0U : answers.front().body<ndmsg>().ndm_state;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return 0;
    throw;
  }
}

/// Lets the kernel ask for it, as a packet would.
void wake(Socket& socket, const Way& way, const std::string& address) {
  auto body = body_for(way, address);
  body.ndm_flags = NTF_USE;
  body.ndm_state = NUD_NONE;
  socket.request(Builder(RTM_NEWNEIGH, body).put(NDA_DST, address).message(), NLM_F_CREATE);
}

}  // namespace

const Message* find_link(const std::vector<Message>& links, std::uint32_t number) {
  const auto is_it = [&](const Message& link) { return number_of_link(link) == number; };
  const auto found = std::find_if(links.begin(), links.end(), is_it);
  return found == links.end() ? nullptr : &*found;
}

std::optional<Way> find_way(Socket& socket, const std::string& address) {
  const auto percent = address.find('%');
  const auto destination = bytes_of_address(address.substr(0, percent));
  if (destination.empty()) return std::nullopt;
  const auto links = read(socket, Kind::link);
  const std::uint32_t device =
      percent == std::string::npos ? 0 : number_of_device(links, address.substr(percent + 1));
  const auto route = ask_for_route(socket, destination, device);
  if (route.body<rtmsg>().rtm_type == RTN_LOCAL) return std::nullopt;
  Way way;
  way.link = route.number<std::uint32_t>(RTA_OIF).value_or(0);
  const auto* const link = find_link(links, way.link);
  if (link == nullptr) throw std::system_error(ENODEV, std::generic_category(), "no such device");
  way.device = names_of_links(links)[way.link];
  way.is_up = is_usable(*link);
  way.neighbour = gateway_of(route);
  way.has_gateway = !way.neighbour.empty();
  if (!way.has_gateway) way.neighbour = address_in(destination);
  return way;
}

std::string_view to_string(Neighbour neighbour) {
  switch (neighbour) {
    case Neighbour::known:
      return "known";
    case Neighbour::silent:
      return "silent";
    case Neighbour::none:
      break;
  }
  return "none";
}

Neighbour look_for_neighbour(Socket& socket, const Way& way, std::chrono::milliseconds patience) {
  const auto links = read(socket, Kind::link);
  const auto* const link = find_link(links, way.link);
  if (link != nullptr && (link->body<ifinfomsg>().ifi_flags & IFF_NOARP) != 0)
    return Neighbour::none;
  const auto address = bytes_of_address(way.neighbour);
  constexpr unsigned known =
      NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
  const auto end = std::chrono::steady_clock::now() + patience;
  for (bool is_asked = false;; is_asked = true) {
    const unsigned state = state_of(socket, way, address);
    if ((state & known) != 0) return Neighbour::known;
    const bool has_failed = is_asked && (state & NUD_FAILED) != 0;
    if (has_failed || std::chrono::steady_clock::now() > end) return Neighbour::silent;
    if (!is_asked) wake(socket, way, address);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::vector<Message> links_below(const std::vector<Message>& links, const Message& link) {
  std::vector<Message> below;
  // Of another network namespace a number says nothing.
  const auto number = link.number<std::uint32_t>(IFLA_LINK);
  if (number && !link.find(IFLA_LINK_NETNSID) && kind_of_link(link) != "veth") {
    if (const auto* const found = find_link(links, *number)) below.push_back(*found);
  }
  for (const auto& other : links) {
    if (other.number<std::uint32_t>(IFLA_MASTER) == number_of_link(link)) below.push_back(other);
  }
  return below;
}

}  // namespace dboot::netlink
