#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "injector/options.hpp"
#include "injector/staging.hpp"
#include "shared/plan/plan.hpp"

/// What becomes of the network, by the options of the command line.
namespace dboot::network {

/// Whether it is kept. A rehearsal has a network of its own.
bool is_kept(const Options& options);

/// Tells what is not as it was afterwards, although the network is kept, and how packets get to an
/// ssh client. Never throws.
void tell_what_changes();

/// What was done with what the kernel has.
struct Kept {
  Network network;                   ///< for the plan; empty where nothing is brought back
  std::vector<std::string> written;  ///< files of the image
  std::vector<Hook> renewals;        ///< of leases
};

/// Records the network where the plan, the image or a lease needs that, and writes it for the image
/// where that is wanted. `resolv_conf`: the host's. Throws Failure.
Kept keep(const Options& options, const Staging& staging, std::string_view resolv_conf,
          const Plan& plan);

}  // namespace dboot::network
