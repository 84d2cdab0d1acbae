#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dboot {

/// A line of /proc/swaps (proc_swaps(5)).
struct SwapArea {
  std::string path;        ///< of a file or a device, from the root of who reads
  std::uint64_t used = 0;  ///< bytes that are in it
};

/// Pure.
std::vector<SwapArea> parse_swaps(std::string_view swaps);
/// Those in use now; none where that cannot be read.
std::vector<SwapArea> read_swaps();

}  // namespace dboot
