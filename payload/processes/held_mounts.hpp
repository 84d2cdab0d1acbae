#pragma once

#include <map>
#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/task.hpp"

namespace dboot {

/// The mount points that each of these processes keeps busy by its root, its working directory,
/// what it executes and its open files; of those that it does not share with others, by their path
/// in its own mount namespace. A child looks, for two seconds at most; what it does not learn is
/// missing.
Task<std::map<pid_t, std::vector<std::string>>> mounts_held_by(Children& children,
                                                               std::vector<pid_t> pids);

}  // namespace dboot
