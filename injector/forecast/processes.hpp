#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "shared/proc/process_status.hpp"

namespace dboot::forecast {

/// Processes of one name that may take long to end.
struct SlowProcesses {
  std::string name;
  std::string_view why;  ///< "uninterruptible", "container", "database", "virtual machine"
  std::vector<pid_t> pids;
};

/// What becomes of the old system's processes.
struct Processes {
  std::size_t count = 0;   ///< that are ended
  std::size_t asked = 0;   ///< of those, that can act on a signal first
  std::size_t killed = 0;  ///< the rest: it ignores SIGTERM
  std::vector<SlowProcesses> slow;
};

/// Of `all` processes, without PID 1, which executes the payload, and `self`.
Processes processes_of(const std::vector<ProcessStatus>& all, pid_t self);

/// Those of this PID namespace. Takes no lock of a process, and so does not hang with it.
std::vector<ProcessStatus> read_processes();

}  // namespace dboot::forecast
