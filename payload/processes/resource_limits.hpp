#pragma once

#include <sys/resource.h>

#include <string_view>
#include <utility>
#include <vector>

namespace dboot {

/// By RLIMIT_ number.
using ResourceLimits = std::vector<std::pair<int, rlimit>>;

/// No core dumps, and as many descriptors as there are, for as long as this process works; what it
/// starts does not get these. Returns them as they were.
ResourceLimits take_limits() noexcept;

/// Sets them for this process. What the kernel refuses stays.
void apply(const ResourceLimits& limits) noexcept;

/// The lines of a /proc/PID/limits file (proc_pid_limits(5)); unknown ones are passed over.
ResourceLimits parse_limits(std::string_view limits);

}  // namespace dboot
