#pragma once

#include "payload/context.hpp"

namespace dboot::phases {

/// Gives the machine to the new system in the state in which a kernel would: settings put back, a
/// process like a fresh PID 1 in the root cgroup.
Task<> hand_over(Context& context);

}  // namespace dboot::phases
