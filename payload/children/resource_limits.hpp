#pragma once

#include <sys/resource.h>

#include <string_view>
#include <utility>
#include <vector>

#include "payload/permissions.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// By RLIMIT_ number.
using ResourceLimits = std::vector<std::pair<int, rlimit>>;

/// No core dumps, and 65536 descriptors or more, for as long as this process works; what it
/// starts does not get these. Returns them as they were.
ResourceLimits take_limits() noexcept;

/// Sets them for this process. What the kernel refuses stays.
void apply(const ResourceLimits& limits) noexcept;

/// The limits that the kernel gives to its first process; empty where they are not to be seen, in a
/// PID namespace. For what is started: this process goes on with its own.
ResourceLimits limits_of_kernel(Log& log, Permissions permissions);

/// The lines of a /proc/PID/limits file (proc_pid_limits(5)); unknown ones are passed over.
ResourceLimits parse_limits(std::string_view limits);

}  // namespace dboot
