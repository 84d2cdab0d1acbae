#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/proc/process_class.hpp"

/// Looking at the processes of the system that ends.
namespace dboot::process_scan {

/// The PID namespaces of a process, innermost first, up to but without the reader's own.
std::vector<ino_t> nested_namespaces(const ProcessStatus& status);

/// What /proc tells under a lock that somebody may hold for long: of the process itself (mmap_lock,
/// exec_update_lock), or of all cgroups (cgroup_mutex, up to Linux 6.7).
struct Details {
  /// Root's, with an argv[0] that begins with '@'.
  std::set<pid_t> storage_daemons;
  /// Their first thread sleeps in rt_sigtimedwait(2) (proc_pid_syscall(5)). Meanwhile the kernel
  /// shows what it waits for as not blocked, although it is neither ignored nor fatal then
  /// (kernel/signal.c: do_sigtimedwait, real_blocked).
  std::set<pid_t> awaiting_signals;
  /// Their paths in the unified hierarchy, "/system.slice/docker.service"; empty for none.
  std::map<pid_t, std::string> cgroups;
};

/// Of these processes. A child reads it, for one that hangs may hold its lock. What cannot be read
/// in fifteen seconds is in none of these.
Task<Details> read_details(Log& log, Children& children, std::vector<pid_t> pids);

}  // namespace dboot::process_scan
