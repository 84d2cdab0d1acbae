#pragma once

#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Moves what is mounted at each of these paths of the old root, and below, to the same path of the
/// new one, as it is: in a rehearsal, read-only. Throws std::runtime_error when one of them cannot
/// be moved, after all have been tried: who finds nothing where data was to be may write anew.
Task<> carry_mounts_over(Log& log, Children& children,
                         const std::vector<std::string>& mount_points);

}  // namespace dboot
