#pragma once

#include <sys/resource.h>

#include <string_view>
#include <utility>
#include <vector>

namespace dboot {

/// By RLIMIT_ number.
using ResourceLimits = std::vector<std::pair<int, rlimit>>;

/// Sets them for this process. What the kernel refuses stays.
void apply(const ResourceLimits& limits) noexcept;

/// The lines of a /proc/PID/limits file (proc_pid_limits(5)); unknown ones are passed over.
ResourceLimits parse_limits(std::string_view limits);

}  // namespace dboot
