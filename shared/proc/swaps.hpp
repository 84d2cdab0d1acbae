#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dboot {

/// The files and devices of /proc/swaps (proc_swaps(5)).
std::vector<std::string> parse_swaps(std::string_view swaps);
/// Those in use now; none where that cannot be read.
std::vector<std::string> read_swaps();

}  // namespace dboot
