#pragma once

#include "payload/context.hpp"
#include "payload/task.hpp"

namespace dboot {

/// Runs a hook of the plan: as root, in a session of its own, with /dev/null on 0 and what it
/// writes in the log, a line for each of its lines. Its session is killed at
/// its end, or when its time is over. A hook that does not succeed is a warning, or throws
/// std::runtime_error where it must.
Task<> run_hook(Context& context, const Hook& hook);

}  // namespace dboot
