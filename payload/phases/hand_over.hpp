#pragma once

#include "payload/context.hpp"

namespace dboot {

/// Gives the machine to the new system in the state in which a kernel would: settings put back, a
/// process like a fresh PID 1 in the root cgroup. Logs its own end: afterwards nothing is written
/// to the consoles and the kernel's log any more.
Task<> hand_over(Context& context);

/// Replaces this process by the plan's executable, with stdio on the console and no controlling
/// terminal: Ctrl-C must not reach an init. Throws std::system_error when it cannot be executed.
Task<> execute(Context& context);

}  // namespace dboot
