#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "shared/proc/process_status.hpp"

namespace dboot {

/// What becomes of a process when the old system ends.
enum class ProcessClass {
  reacts,          ///< gets SIGTERM, and the grace period to act on it
  deaf,            ///< ignores SIGTERM: SIGKILL at once, waiting would be in vain
  shell,           ///< ignores SIGTERM and catches SIGHUP, on a terminal: SIGHUP, and a moment
  namespace_init,  ///< init of a nested PID namespace that SIGTERM does not reach: killing it kills
                   ///< its members in mid-shutdown, so it goes after the last of them
  storage_daemon,  ///< keeps a filesystem alive: goes after the unmounts
  network_daemon,  ///< would take the network along if it were asked: SIGKILL after everything else
  session,         ///< shows a person how it goes: ends last, from the bottom up
  kernel_thread,   ///< no process
  zombie,          ///< has ended
};
inline constexpr std::size_t process_classes = 9;
std::string_view to_string(ProcessClass kind);

/// A process as a scan sees it.
struct Process {
  ProcessStatus status;
  /// Root's, with an argv[0] that begins with '@'.
  /// https://systemd.io/ROOT_STORAGE_DAEMONS/
  bool storage_daemon = false;
  /// Its PID namespace and those around it, innermost first, up to but without the reader's.
  std::vector<ino_t> namespaces;
  /// It sleeps in sigwait(3) or its like, which shows the signals that it awaits as not blocked.
  bool awaits_signals = false;
  /// Of the unified hierarchy; the services of a host have one each (cgroups(7)).
  std::string cgroup{};
  /// See network_daemon(); of the network that is to be kept.
  bool network_daemon = false;
  /// Of the session in which somebody looks on.
  bool session = false;
};

/// `ended`: the whole process has; a leader that is a zombie may leave threads that live.
ProcessClass classify(const Process& process, bool ended);

/// SIGTERM was blocked, and a second later it is still pending: nobody in there takes it.
bool leaves_sigterm_pending(const ProcessStatus& status);

/// The service of the host that a process is part of ("/system.slice/docker.service"); empty when
/// it is of none, or in a namespace of its own. What keeps a container running, the parent of a
/// nested namespace's init, goes after everything else together with its service. Ended first,
/// containerd's shim makes containerd kill its container in mid-shutdown, and without containerd
/// dockerd waits for ever to hear that the container has ended (both seen).
std::string service_of(const Process& process);
bool is_nested_init(const ProcessStatus& status);

/// True for the leader of a session with a terminal that SIGTERM does not let end in good order: it
/// is deaf, a shell, or dies of it. With a leader the kernel hangs up the terminal, and of that
/// SIGHUP (setsid(2), credentials(7)) the rest of the session would die in mid-shutdown. So it goes
/// after those that were there with it.
bool leads_blindly(const Process& process);

}  // namespace dboot
