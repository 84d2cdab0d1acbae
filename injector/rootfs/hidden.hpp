#pragma once

#include <string>

namespace dboot::rootfs {

/// The directory of the new root that the payload mounts on ("/run") and that the look-up of `path`
/// goes through: what the image has there will not be there any more. Empty when it goes through
/// none. Throws std::system_error when `path` cannot be followed.
std::string hidden_below(int root_fd, const std::string& path);

}  // namespace dboot::rootfs
