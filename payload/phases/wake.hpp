#pragma once

#include <vector>

#include "payload/devices/device_nodes.hpp"
#include "payload/processes/resource_limits.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

/// From execve in the old system's PID 1 to a process that depends on nothing of it.
namespace dboot::wake {

/// Default dispositions, nothing blocked, no descriptor but 0 to 2, memory locked. Before the event
/// loop exists.
void reset_process();

/// What asks an init to end, by whoever rehearses, waits until somebody listens: the kernel drops a
/// signal that a PID 1 neither handles nor blocks (pid_namespaces(7)). Not on a machine, where the
/// old system may have sent it to its own init.
void keep_requests_pending() noexcept;
/// Somebody listens. Those that came from outside of the PID namespace come now; those of the old
/// system's own processes were for its init.
void admit_requests() noexcept;

/// No core dumps, and as many descriptors as there are, for as long as this process works; what it
/// starts does not get these. Returns them as they were.
ResourceLimits take_limits();

/// Reads and checks a plan file. Throws std::exception with the reason why it is refused.
Plan read_plan(const std::string& path);

/// Throws std::runtime_error unless /proc shows this process as number 1: it would be another
/// namespace's, and its pids other processes.
void check_proc();

/// Duplicates of 0 to 2.
std::vector<UniqueFd> inherited_stdio();
/// /dev/null on 0 to 2, or, where there is none, an empty file in memory.
void detach_stdio(const DeviceNodes& devices);

/// Starts the record in layout::payload_log, if that can be opened.
void open_log(const Plan& plan);

}  // namespace dboot::wake
