#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/permissions.hpp"
#include "payload/task.hpp"

namespace dboot::swap {

/// The files and devices of /proc/swaps (proc_swaps(5)).
std::vector<std::string> parse(std::string_view swaps);

/// Takes every swap area out of use, as long as the paths that lead to them are mounted. The number
/// of areas that went.
Task<std::size_t> detach_all(Permissions permissions);

}  // namespace dboot::swap
