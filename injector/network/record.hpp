#pragma once

#include <optional>
#include <string_view>

#include "injector/target.hpp"
#include "shared/plan/plan.hpp"

/// What a takeover keeps of the network.
namespace dboot::network {

/// Notes the name servers and search domains that a resolv.conf(5) names: of several "search" and
/// "domain" the last one counts. Pure.
void note_resolvers(std::string_view resolv_conf, Network& network);

/// Notes what the kernel has now: links, addresses, nexthops, routes, rules, permanent neighbours
/// and settings. Enters the network namespace of the target; of none it is the caller's own. Throws
/// Failure.
void note_kernel_state(const std::optional<Target>& target, Network& network);

}  // namespace dboot::network
