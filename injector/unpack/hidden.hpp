#pragma once

#include <string>

namespace dboot::rootfs {

/// The mount point of the new system ("/run") that hides `path` of the image, because the path, or
/// a symlink on its way, leads below it. Empty where there is none. Throws std::system_error when
/// `path` cannot be followed.
std::string hidden_below(int root_fd, const std::string& path);

}  // namespace dboot::rootfs
