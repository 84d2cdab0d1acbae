#include <sys/utsname.h>
#include <unistd.h>

#include <system_error>

#include "injector/forecast/forecast.hpp"
#include "injector/guard.hpp"
#include "injector/report.hpp"
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

}  // namespace

Host look_at_host(const Plan& plan) {
  const bool is_machine = plan.scope == Scope::machine;
  const auto processes = read_processes();
  const auto storage = storage_of_pid_1();
  Host host;
  host.kernel = kernel_release();
  host.mounts = mounts_of(storage.mounts);
  if (is_machine) host.disks = disks_of(DeviceGraph(storage));
  host.processes = processes_of(processes, ::getpid());
  if (is_machine)
    host.consoles =
        choose_consoles(sys::read_file_or_empty("/sys/class/tty/console/active"), plan.console);
  host.network = read_network(processes);
  host.ssh_session = guard::is_over_ssh();
  return host;
}

}  // namespace dboot::forecast
