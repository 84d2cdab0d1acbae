#include "shared/proc/swaps.hpp"

#include "shared/proc/fields.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

std::vector<SwapArea> parse_swaps(std::string_view swaps) {
  std::vector<SwapArea> areas;
  auto lines = lines_of(swaps);
  if (!lines.empty()) lines.erase(lines.begin());  // the heading
  for (const auto line : lines) {
    constexpr std::size_t path = 0, used = 3;
    const auto words = words_of(line);
    if (words.empty()) continue;
    const auto kibibytes =
        words.size() > used ? number_in<std::uint64_t>(words[used]).value_or(0) : 0;
    areas.push_back({decode_octal(words[path]), kibibytes << 10U});
  }
  return areas;
}

std::vector<SwapArea> read_swaps() {
  return parse_swaps(sys::read_file_or_empty("/proc/swaps"));
}

}  // namespace dboot
