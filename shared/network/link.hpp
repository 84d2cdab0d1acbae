#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/network/message.hpp"

/// What a message about a link says. Pure.
namespace dboot::netlink {

std::uint32_t number_of_link(const Message& link);
/// Those of a list, which must live.
std::map<std::uint32_t, const Message*> links_by_number(const std::vector<Message>& links);
/// "eth0".
std::string name_of_link(const Message& link);
/// As ip(8) has it: "vlan", "bond"; empty for the card of a driver.
std::string kind_of_link(const Message& link);
/// The attributes that are of its kind.
std::string_view data_of_link(const Message& link);

}  // namespace dboot::netlink
