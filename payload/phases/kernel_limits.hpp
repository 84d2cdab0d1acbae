#pragma once

#include <sys/resource.h>

#include <string_view>
#include <utility>
#include <vector>

namespace dboot {

/// The lines of a /proc/PID/limits file (proc_pid_limits(5)), by RLIMIT_ number; unknown ones are
/// passed over.
std::vector<std::pair<int, rlimit>> parse_limits(std::string_view limits);

}  // namespace dboot
