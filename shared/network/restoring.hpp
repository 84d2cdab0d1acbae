#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/network/change.hpp"
#include "shared/network/message.hpp"
#include "shared/network/state.hpp"
#include "shared/plan/plan.hpp"

/// What brings back what there was of the network. Decides only: whoever asks sends the requests.
namespace dboot::netlink {

/// Whether the kernel itself has an address or a route from a router, where it hears them: such a
/// one has a lifetime.
bool is_of_routers(const Message& message);

/// The number of the link that a message is about; 0 for none, or several.
std::uint32_t link_of(const Message& message);

/// The request that makes what `recorded` says, without what only lasts: states, lifetimes,
/// statistics. Empty for what the kernel makes by itself with something else (its own routes in the
/// local table, temporary addresses), and for links, see changes().
std::optional<Message> request_for(const Message& recorded);

/// What makes `now` have again all that is in `before`; both are of one kind. What else there is
/// stays. A link that is gone is made again where it lives in the kernel alone (VLAN, bond, bridge,
/// dummy, VRF); one that is there gets its master, its MTU, and is set up.
std::vector<Change> changes(const std::vector<Message>& before, const std::vector<Message>& now);

/// What was recorded, but for addresses that are given up; routes that come from these come from
/// another one.
std::vector<Message> to_be_kept(const Network& recorded);

/// What takes away those of `now`, which are addresses, that `addresses` names ("192.0.2.1").
std::vector<Change> removals(const std::vector<Message>& now,
                             const std::vector<std::string>& addresses);

struct Ending {
  Change for_ever;            ///< what gives it no end
  std::chrono::seconds left;  ///< that it would have had
};

/// Addresses and routes that the kernel would remove after some time, because nobody renews them.
/// `is_renewed`: whether the kernel renews what is on that link, by router advertisements.
std::vector<Ending> endings(const std::vector<Message>& now,
                            const std::function<bool(std::uint32_t link)>& is_renewed);

}  // namespace dboot::netlink
