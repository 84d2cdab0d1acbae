#include "shared/proc/memory.hpp"

#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

std::uint64_t parse_available_memory(std::string_view meminfo) {
  for (const auto line : lines_of(meminfo)) {
    const auto words = words_of(line);
    if (words.size() < 2 || words[0] != "MemAvailable:") continue;
    return number_in<std::uint64_t>(words[1]).value_or(0) << 10U;
  }
  return 0;
}

std::uint64_t available_memory() {
  return parse_available_memory(sys::read_file("/proc/meminfo"));
}

}  // namespace dboot
