#include "tests/machine/new_system.hpp"

#include <sstream>

#include "shared/plan/layout.hpp"

namespace dboot::machine::new_system {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t times = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++times;
  return times;
}

std::vector<Process> processes(Shell& shell) {
  constexpr int kthreadd = 2;
  std::vector<Process> all;
  for (const auto& line : lines_of(shell.output_of("ps -eo pid=,ppid=,comm="))) {
    std::istringstream words(line);
    Process process;
    words >> process.pid >> process.parent >> process.name;
    if (process.pid != kthreadd && process.parent != kthreadd) all.push_back(process);
  }
  return all;
}

std::vector<Mount> mounts(Shell& shell) {
  std::vector<Mount> all;
  for (const auto& line : lines_of(shell.output_of("cat /proc/mounts"))) {
    std::istringstream words(line);
    Mount mount;
    words >> mount.source >> mount.target >> mount.type;
    all.push_back(mount);
  }
  return all;
}

std::string status_line(Shell& shell, const std::string& pid, const std::string& name) {
  const std::string line = shell.output_of("grep '^" + name + ":' /proc/" + pid + "/status");
  return line.substr(line.find('\t') + 1);
}

std::vector<std::string> payload_log(Shell& shell) {
  return lines_of(shell.output_of(std::string("cat ") + layout::payload_log));
}

}  // namespace dboot::machine::new_system
