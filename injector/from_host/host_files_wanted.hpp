#pragma once

#include <string>
#include <vector>

namespace dboot::rootfs {

/// How much of the kernel's modules, or of their firmware, the new system gets.
enum class Share {
  automatic,  ///< where the image can use it and has none, as much as fits
  none,
  loaded,  ///< what is loaded, and for firmware what that may ask for
  all
};

/// What the new system takes along from the host, beside what every one gets (adapt.hpp).
struct HostFilesWanted {
  Share modules = Share::automatic;
  Share firmware = Share::automatic;
  struct Copy {
    std::string from;
    std::string to;  ///< absolute, in the new root
  };
  std::vector<Copy> copies;
};

/// `HOSTPATH[:PATH]`; without PATH it is HOSTPATH itself. Throws Failure.
HostFilesWanted::Copy parse_copy(const std::string& argument);

}  // namespace dboot::rootfs
