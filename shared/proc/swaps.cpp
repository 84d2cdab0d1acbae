#include "shared/proc/swaps.hpp"

#include <sstream>

#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

std::vector<std::string> parse_swaps(std::string_view swaps) {
  std::vector<std::string> paths;
  std::istringstream lines{std::string(swaps)};
  std::string line;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) {
    auto path = decode_octal(std::string_view(line).substr(0, line.find_first_of(" \t")));
    if (!path.empty()) paths.push_back(std::move(path));
  }
  return paths;
}

std::vector<std::string> read_swaps() {
  return parse_swaps(sys::read_file_or_empty("/proc/swaps"));
}

}  // namespace dboot
