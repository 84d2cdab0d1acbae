#pragma once

#include <string>
#include <vector>

#include "tests/machine/driver/shell.hpp"

/// What a system that has taken a host over is asked, through a shell in it.
namespace dboot::machine::new_system {

struct Process {
  int pid = 0;
  int parent = 0;
  std::string name;
};
/// All processes but kernel threads.
std::vector<Process> processes(Shell& shell);

struct Mount {
  std::string source;
  std::string target;
  std::string type;
};
std::vector<Mount> mounts(Shell& shell);

/// A line of /proc/PID/status, such as SigBlk.
std::string status_line(Shell& shell, const std::string& pid, const std::string& name);

/// The payload's log, line by line.
std::vector<std::string> payload_log(Shell& shell);

std::vector<std::string> lines_of(const std::string& text);
std::size_t count(const std::string& text, const std::string& part);

}  // namespace dboot::machine::new_system
