#pragma once

#include <string>
#include <vector>

namespace dboot::terminals {

/// Throws Failure for a terminal that this machine has not: after the point of no return nobody
/// could be told. `console` and `log_to` are as in the plan; `directory` is /sys/class/tty. Where
/// that is missing nothing is known.
void require(const std::string& console, const std::vector<std::string>& log_to,
             const std::string& directory = "/sys/class/tty");

}  // namespace dboot::terminals
