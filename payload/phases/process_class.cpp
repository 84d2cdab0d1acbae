#include "payload/phases/process_class.hpp"

#include <signal.h>

#include <algorithm>
#include <array>

namespace dboot {

bool is_nested_init(const ProcessStatus& status) {
  return status.namespace_pids.size() > 1 && status.namespace_pids.back() == 1;
}

bool keeps_with(const Process& process, const Process& keeper) {
  if (process.status.pid == keeper.status.pid) return true;
  return process.namespaces.empty() && process.cgroup.ends_with(".service") &&
         process.cgroup == keeper.cgroup;
}

std::string_view to_string(ProcessClass kind) {
  static constexpr std::array<std::string_view, 6> names{
      "reacts", "deaf", "namespace_init", "storage_daemon", "kernel_thread", "zombie"};
  return names.at(static_cast<std::size_t>(kind));
}

ProcessClass classify(const Process& process, bool ended) {
  const auto& status = process.status;
  if (status.kernel_thread) return ProcessClass::kernel_thread;
  if (ended) return ProcessClass::zombie;
  if (process.storage_daemon) return ProcessClass::storage_daemon;
  // A blocked signal may be taken by sigwait or signalfd, even one that is ignored: the kernel
  // queues it as long as it is blocked (kernel/signal.c: sig_ignored).
  const auto term = signal_bit(SIGTERM);
  if (process.awaits_signals || ((status.caught | status.blocked) & term) != 0)
    return ProcessClass::reacts;
  // The default action does not reach an init (pid_namespaces(7)).
  if (is_nested_init(status)) return ProcessClass::namespace_init;
  return (status.ignored & term) != 0 ? ProcessClass::deaf : ProcessClass::reacts;
}

bool leaves_sigterm_pending(const ProcessStatus& status) {
  const auto term = signal_bit(SIGTERM);
  return (status.blocked & status.pending & term) != 0;
}

bool is_member_of(const Process& process, const Process& init) {
  if (process.status.pid == init.status.pid || init.namespaces.empty()) return false;
  return std::find(process.namespaces.begin(), process.namespaces.end(), init.namespaces.front()) !=
         process.namespaces.end();
}

}  // namespace dboot
