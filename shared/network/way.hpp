#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/network/message.hpp"
#include "shared/network/socket.hpp"

namespace dboot::netlink {

/// How packets get to another machine.
struct Way {
  std::uint32_t link = 0;  ///< the number of the device that they leave by
  std::string device;      ///< its name
  bool is_up = false;      ///< the device is, and has a carrier
  std::string
      neighbour;  ///< the gateway's address; that of the machine itself where it is on the link
  bool has_gateway = false;
};

/// By the routes of now. `address` is one of IP, with the name of a device behind a "%" where it is
/// link-local. Empty for what is none, and for an address of this machine. Throws
/// std::system_error: "Network is unreachable".
std::optional<Way> find_way(Socket& socket, const std::string& address);

/// What is known of the next machine on the way.
enum class Neighbour : std::uint8_t {
  known,   ///< has answered, now or not long ago
  silent,  ///< has been asked, and does not answer
  none     ///< nobody is to be asked: a link between two points
};
std::string_view to_string(Neighbour neighbour);

/// Asks for its hardware address where that is not known, and waits for the answer, at most for
/// `patience`. Throws std::system_error.
Neighbour look_for_neighbour(Socket& socket, const Way& way, std::chrono::milliseconds patience);

/// Null where there is none of that number. Pure.
const Message* find_link(const std::vector<Message>& links, std::uint32_t number);

/// What a link lies on: the one that a VLAN is on, those that a bond is made of, the ports of a
/// bridge. Pure.
std::vector<Message> links_below(const std::vector<Message>& links, const Message& link);

}  // namespace dboot::netlink
