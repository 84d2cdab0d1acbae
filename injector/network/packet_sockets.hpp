#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/proc/process_status.hpp"

namespace dboot::network {

/// The inodes of the sockets that the text of /proc/net/packet lists. Pure.
std::set<std::uint64_t> inodes_in(std::string_view packet);

/// Those of `processes` that hear packets of a link as they are (packet(7)), as DHCP clients do,
/// but for those that are known to configure networks: who they are is worth a look.
std::vector<ProcessStatus> other_holders_of_packet_sockets(
    const std::vector<ProcessStatus>& processes);

}  // namespace dboot::network
