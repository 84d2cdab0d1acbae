#include "injector/network/keeping.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "injector/failure.hpp"
#include "injector/forecast/processes.hpp"
#include "injector/guard.hpp"
#include "injector/network/client.hpp"
#include "injector/network/cluster.hpp"
#include "injector/network/packet_sockets.hpp"
#include "injector/network/record.hpp"
#include "injector/network/renewal.hpp"
#include "injector/network/write.hpp"
#include "injector/report.hpp"
#include "injector/target.hpp"

namespace dboot::network {
namespace {

/// A rehearsal looks at the network that it is called in, and so does a dry run where PID 1 is not
/// to be seen.
std::optional<Target> owner(const Options& options) {
  if (options.rehearse) return std::nullopt;
  try {
    return Target::own_pid_1();
  } catch (const Failure&) {
    if (!options.dry_run) throw;
    return std::nullopt;
  }
}

std::vector<Hook> renewals_of(const Network& recorded, const Staging& staging) {
  const auto leases = leases_in(recorded);
  if (leases.empty())
    report::warning("there is no lease to renew: no address of IPv4 has a lifetime");
  return renewals(leases, staging.root(), staging.directory());
}

}  // namespace

bool is_kept(const Options& options) {
  using Keep = Options::Keep;
  if (options.keep_network != Keep::automatic) return options.keep_network == Keep::yes;
  if (options.rehearse) return false;
  const bool is_way_in_asked_for =
      options.keep_ssh == Keep::yes || !options.ssh_keys.empty() || options.rescue_port.has_value();
  return options.write_network || options.renew || is_way_in_asked_for ||
         !guard::is_at_local_console();
}

void tell_what_changes() {
  const auto client = ssh_connection().client;
  if (!client.empty()) note_way(client);
  const auto processes = forecast::read_processes();
  for (const auto& address : cluster_addresses(processes))
    report::info("is given up, for another host of the cluster has it next",
                 {{"address", address}});
  if (std::any_of(processes.begin(), processes.end(),
                  [](const ProcessStatus& process) { return process.name == "firewalld"; }))
    report::warning("firewalld takes its rules along when it ends, and lets everything in");
  for (const auto& process : other_holders_of_packet_sockets(processes))
    report::info("hears packets as they are, and is asked to end as all others",
                 {{"pid", process.pid}, {"command", process.name}});
}

Kept keep(const Options& options, const Staging& staging, std::string_view resolv_conf,
          const Plan& plan) {
  const bool for_plan = plan.keep_network && plan.scope == Scope::machine && !options.rehearse;
  const bool for_renewal = options.renew && !options.rehearse;
  Kept kept;
  Network recorded;
  note_resolvers(resolv_conf, recorded);
  if (plan.keep_network) recorded.client = ssh_connection().client;
  if (for_plan || for_renewal || options.write_network) note_kernel_state(owner(options), recorded);
  if (options.write_network) kept.written = write_for_image(staging.root(), recorded);
  if (for_renewal) kept.renewals = renewals_of(recorded, staging);
  if (plan.keep_network) kept.network = std::move(recorded);
  return kept;
}

}  // namespace dboot::network
