#include <sys/utsname.h>
#include <unistd.h>

#include "injector/forecast/forecast.hpp"
#include "injector/guard.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::forecast {
namespace {

std::string kernel_release() {
  utsname names{};
  sys::check(::uname(&names), "uname");
  return names.release;
}

}  // namespace

Host look_at_host(const Plan& plan) {
  const bool is_machine = plan.scope == Scope::machine;
  const auto processes = read_processes();
  const auto storage = read_storage();
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
