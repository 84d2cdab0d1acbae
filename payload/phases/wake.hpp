#pragma once

#include <sys/resource.h>

#include <vector>

#include "payload/devices.hpp"
#include "shared/plan.hpp"
#include "shared/unique_fd.hpp"

/// From execve in the old system's PID 1 to a process that depends on nothing of it.
namespace dboot::wake {

/// Limits that change for the takeover.
struct Limits {
  rlimit core{};
  rlimit files{};
};

/// Default dispositions, nothing blocked, no descriptor but 0 to 2, memory locked, no core dumps,
/// as many descriptors as there are. Before the event loop exists. Returns the limits as they were.
Limits reset_process();
/// For the new system.
void restore(const Limits& limits);

/// Reads and checks a plan file. Throws std::exception with the reason why it is refused.
Plan read_plan(const std::string& path);

/// Throws std::runtime_error unless /proc shows this process as number 1: it would be another
/// namespace's, and its pids other processes.
void check_proc();

/// Duplicates of 0 to 2.
std::vector<UniqueFd> inherited_stdio();
/// /dev/null on 0 to 2, or, where there is none, an empty file in memory.
void detach_stdio(const Devices& devices);

/// Starts the record in layout::payload_log, if that can be opened.
void open_log(const Plan& plan);

}  // namespace dboot::wake
