#pragma once

#include <vector>

#include "shared/network/change.hpp"
#include "shared/network/message.hpp"

/// What brings links back. Decides only.
namespace dboot::netlink {

/// What makes links have again their masters, their MTU, and be up, as in `before`; and makes those
/// again that are gone and live in the kernel alone (VLAN, bond, bridge, dummy, VRF), where neither
/// name nor number is another one's now.
std::vector<Change> changes_of_links(const std::vector<Message>& before,
                                     const std::vector<Message>& now);

/// By number and name.
bool is_same_link(const Message& one, const Message& other);
/// Whether another link has its number, or its name: then it cannot be made again.
bool is_taken(const Message& link, const std::vector<Message>& now);

/// Whether an option of a link that the kernel refuses to set has that value all the same: it
/// refuses what the mode of a bond does not use, whatever the value.
bool is_so(const Change& change, const std::vector<Message>& now);

}  // namespace dboot::netlink
