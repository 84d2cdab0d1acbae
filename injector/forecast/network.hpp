#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/proc/process_status.hpp"

namespace dboot::forecast {

/// What the kernel keeps of the network.
struct Network {
  struct Link {
    std::string name;
    std::vector<std::string> addresses;  ///< "10.0.2.15/24"
  };
  std::vector<Link> links;                   ///< that are up and have an address; no loopback
  std::vector<std::string> configured_by;    ///< running programs that remove addresses as they end
  std::vector<std::string> given_up{};       ///< addresses that this host has for a cluster
  std::vector<std::string> hears_packets{};  ///< other programs that have sockets of packet(7)
};

/// Those of `processes` that may take along what they have configured when they are asked to end,
/// see network_daemon().
std::vector<std::string> removers_of_addresses(const std::vector<ProcessStatus>& processes);

/// As it is now. Throws std::system_error.
Network read_network(const std::vector<ProcessStatus>& processes);

}  // namespace dboot::forecast
