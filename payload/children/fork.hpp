#pragma once

#include <sys/types.h>

#include <functional>
#include <string_view>
#include <vector>

#include "payload/task.hpp"

namespace dboot {

/// Forks a child of which `body` is all; it must not return. Signals are as a program expects them
/// there (shared/system/signals.hpp), and of the descriptors it has 0 to 2 and `keep`. `what` names
/// it in the error. Throws std::system_error.
pid_t fork_child(std::string_view what, std::vector<int> keep, const std::function<void()>& body);

/// Calls `start`, which forks, and tries again for half a second when that throws
/// std::system_error: processes and memory are short where a system is to be replaced, and others
/// may end. Throws what the last attempt has thrown.
Task<pid_t> fork_patiently(std::function<pid_t()> start);

}  // namespace dboot
