#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/devices/storage.hpp"

namespace dboot {

/// A device or a connection that the kernel goes on with when the system that has set it up is
/// gone.
struct Lasting {
  std::string_view kind;            ///< "bcache", "nbd"
  std::string to_end_it;            ///< the command that does, in the old system or in the new one
  bool keeps_what_is_below = true;  ///< else it is a disk of its own, on the network
};

/// Empty for a device that goes with its users, or is taken apart.
std::optional<Lasting> lasting(const BlockDevice& device);

/// The command that lets go of a pool whose devices nothing in sysfs tells, of the type "zfs", say.
std::string to_end_pool(std::string_view type);

}  // namespace dboot
