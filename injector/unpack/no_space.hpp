#pragma once

#include <string>

namespace dboot::rootfs {

/// Throws the Failure for a root that has no room for `entry`, with the numbers.
[[noreturn]] void report_no_space(int root_fd, const std::string& entry);

}  // namespace dboot::rootfs
