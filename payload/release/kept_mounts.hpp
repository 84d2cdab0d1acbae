#pragma once

#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Moves what is mounted at each of these paths of the old root, and below, to the same path of the
/// new one, as it is: in a rehearsal, read-only. What cannot be moved is logged, and goes with the
/// rest of the old root.
Task<> carry_mounts_over(Log& log, Children& children,
                         const std::vector<std::string>& mount_points);

}  // namespace dboot
