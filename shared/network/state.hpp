#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/network/message.hpp"
#include "shared/network/socket.hpp"

namespace dboot::netlink {

/// What the kernel has of one kind, in its own order: of both families, but for what nobody has
/// configured (cached routes, neighbours that were learnt).
std::vector<Message> read(Socket& socket, Kind kind);

/// In the order in which each can be made when those before it are there.
inline constexpr Kind in_order[] = {Kind::link,  Kind::address, Kind::nexthop,
                                    Kind::route, Kind::rule,    Kind::neighbour};

/// All of it.
std::vector<Message> read_all(Socket& socket);

/// Those of one kind.
std::vector<Message> of_kind(const std::vector<Message>& messages, Kind kind);

/// Of links, by number: "eth0".
using LinkNames = std::map<std::uint32_t, std::string>;
LinkNames names_of_links(const std::vector<Message>& messages);

/// "192.0.2.1", "2001:db8::1": the family follows from the length; "?" for neither.
std::string address_in(std::string_view bytes);
/// "52:54:00:12:34:56".
std::string hardware_address_in(std::string_view bytes);

/// As ip(8) would say it: "address 192.0.2.1/24 dev eth0", "route default via 192.0.2.254 dev
/// eth0".
std::string in_words(const Message& message, const LinkNames& names);

}  // namespace dboot::netlink
