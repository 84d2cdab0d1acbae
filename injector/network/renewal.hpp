#pragma once

#include <string>
#include <vector>

#include "shared/plan/plan.hpp"

/// Leases that the new system goes on renewing.
namespace dboot::network {

/// An address that came by DHCP.
struct Lease {
  std::string link;     ///< "eth0"
  std::string address;  ///< "192.0.2.7"

  bool operator==(const Lease&) const = default;
};

/// Those of IPv4 with a lifetime, the first one of each link. Pure.
std::vector<Lease> leases_in(const Network& network);

/// What asks for the same addresses again when the new system has the machine nearly: a hook after
/// the hand-over for each lease, by the image's own client (dhcpcd, dhclient or udhcpc). `root`:
/// the filled root; `directory`: what becomes /run/dboot, for what dhclient has to be told in a
/// file. Throws Failure when the image has no client.
std::vector<Hook> renewals(const std::vector<Lease>& leases, int root, int directory);

}  // namespace dboot::network
