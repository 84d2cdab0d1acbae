#include "shared/proc/process_class.hpp"

#include <signal.h>

#include <array>

namespace dboot {
namespace {

/// A blocked signal may be taken by sigwait or signalfd, even one that is ignored: the kernel
/// queues it as long as it is blocked (kernel/signal.c: sig_ignored).
bool handles(const Process& process, int signal) {
  return process.awaits_signals ||
         ((process.status.caught | process.status.blocked) & signal_bit(signal)) != 0;
}

}  // namespace

bool is_nested_init(const ProcessStatus& status) {
  return status.namespace_pids.size() > 1 && status.namespace_pids.back() == 1;
}

std::string service_of(const Process& process) {
  const bool host_service = process.namespaces.empty() && process.cgroup.ends_with(".service");
  return host_service ? process.cgroup : "";
}

std::string_view to_string(ProcessClass kind) {
  static constexpr std::array<std::string_view, process_classes> names{
      "reacts",         "deaf",    "shell",         "namespace_init", "storage_daemon",
      "network_daemon", "session", "kernel_thread", "zombie"};
  return names.at(static_cast<std::size_t>(kind));
}

ProcessClass classify(const Process& process, bool ended) {
  const auto& status = process.status;
  if (status.kernel_thread) return ProcessClass::kernel_thread;
  if (ended) return ProcessClass::zombie;
  if (process.storage_daemon) return ProcessClass::storage_daemon;
  if (process.network_daemon) return ProcessClass::network_daemon;
  if (process.session) return ProcessClass::session;
  if (handles(process, SIGTERM)) return ProcessClass::reacts;
  // The default action does not reach an init (pid_namespaces(7)).
  if (is_nested_init(status)) return ProcessClass::namespace_init;
  if ((status.ignored & signal_bit(SIGTERM)) == 0) return ProcessClass::reacts;
  const bool hangs_up = status.terminal != 0 && (status.caught & signal_bit(SIGHUP)) != 0;
  return hangs_up ? ProcessClass::shell : ProcessClass::deaf;
}

bool leads_blindly(const Process& process) {
  return process.status.session == process.status.pid && process.status.terminal != 0 &&
         !handles(process, SIGTERM);
}

bool leaves_sigterm_pending(const ProcessStatus& status) {
  const auto term = signal_bit(SIGTERM);
  return (status.blocked & status.pending & term) != 0;
}

}  // namespace dboot
