#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "injector/forecast/forecast.hpp"
#include "injector/guard.hpp"
#include "injector/report.hpp"
#include "shared/log/destination.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::forecast {
namespace {

std::string kernel_release() {
  utsname names{};
  sys::check(::uname(&names), "uname");
  return names.release;
}

/// What ends is what PID 1 sees, which a service in a mount namespace of its own does not.
Storage storage_of_pid_1() {
  try {
    return read_storage("1");
  } catch (const std::system_error& error) {
    report::warning("the mounts are those of this process: PID 1's are not to be seen",
                    {{"reason", error.what()}});
    return read_storage();
  }
}

/// Those of the kernel, and those that were asked for.
ConsoleChoice consoles_of(const Plan& plan) {
  auto choice =
      choose_consoles(sys::read_file_or_empty("/sys/class/tty/console/active"), plan.console);
  auto& log_to = choice.log_to;
  for (const auto& text : plan.log_to) {
    const auto destination = log::parse_destination(text);
    if (!destination || destination->kind != log::Destination::Kind::terminal) continue;
    if (std::find(log_to.begin(), log_to.end(), destination->name) == log_to.end())
      log_to.push_back(destination->name);
  }
  return choice;
}

}  // namespace

Host look_at_host(const Plan& plan) {
  const bool is_machine = plan.scope == Scope::machine;
  const auto processes = read_processes();
  auto storage = storage_of_pid_1();
  add_other_namespaces(storage);
  Host host;
  host.kernel = kernel_release();
  const auto kept = moved_along(storage.mounts, plan.kept_mounts);
  host.mounts = mounts_of(storage.mounts, kept);
  if (is_machine) host.disks = disks_of(DeviceGraph(storage), kept);
  host.disks_are_known = !storage.devices.empty();
  host.processes = processes_of(processes, ::getpid());
  if (is_machine) host.consoles = consoles_of(plan);
  host.network = read_network(processes);
  host.ssh_session = guard::is_over_ssh();
  return host;
}

}  // namespace dboot::forecast
