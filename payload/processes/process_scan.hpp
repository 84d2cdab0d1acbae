#pragma once

#include <set>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/processes/process_class.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

/// Looking at the processes of the system that ends.
namespace dboot::process_scan {

/// The PID namespaces of a process, innermost first, up to but without the reader's own.
std::vector<ino_t> nested_namespaces(const ProcessStatus& status);

/// Which of these processes are root's storage daemons. Their argv is read in a child: it takes the
/// process's mmap_lock, which one that hangs may hold. A process whose argv cannot be read in time
/// is none.
Task<std::set<pid_t>> storage_daemons(Log& log, Children& children, std::vector<pid_t> candidates);

/// True when its first thread sleeps in rt_sigtimedwait(2) (proc_pid_syscall(5)). Meanwhile the
/// kernel shows what it waits for as not blocked, although it is neither ignored nor fatal then
/// (kernel/signal.c: do_sigtimedwait, real_blocked).
bool awaits_signals(pid_t pid);

/// Its path in the unified hierarchy, "/system.slice/docker.service"; empty when it has none.
std::string cgroup(pid_t pid);

}  // namespace dboot::process_scan
