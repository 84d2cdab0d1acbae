#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "shared/proc/mount_table.hpp"

namespace dboot::forecast {

/// What becomes of the old system's mounts.
struct Mounts {
  struct Remote {
    std::string type;
    std::string where;
  };
  std::size_t count = 0;          ///< that are unmounted
  std::vector<Remote> remote;     ///< whose server, or program, must answer to that
  std::vector<std::string> lost;  ///< the outermost mount points of what is in memory only
};

/// `kept`: the numbers of those that stay.
Mounts mounts_of(const MountTable& table, const std::set<int>& kept = {});

}  // namespace dboot::forecast
