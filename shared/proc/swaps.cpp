#include "shared/proc/swaps.hpp"

#include "shared/proc/fields.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

std::vector<std::string> parse_swaps(std::string_view swaps) {
  std::vector<std::string> paths;
  auto lines = lines_of(swaps);
  if (!lines.empty()) lines.erase(lines.begin());  // the heading
  for (const auto line : lines) {
    auto path = decode_octal(line.substr(0, line.find_first_of(" \t")));
    if (!path.empty()) paths.push_back(std::move(path));
  }
  return paths;
}

std::vector<std::string> read_swaps() {
  return parse_swaps(sys::read_file_or_empty("/proc/swaps"));
}

}  // namespace dboot
