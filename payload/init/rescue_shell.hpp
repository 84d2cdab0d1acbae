#pragma once

#include <string>
#include <vector>

#include "payload/context.hpp"

namespace dboot {

/// Starts a shell on the console, the first that can be started: of this root, of the one that has
/// been prepared, of the old one, or the busybox in layout::directory. `ended` gets its wait
/// status. Throws std::runtime_error when there is none.
Task<pid_t> start_rescue_shell(Context& context, std::vector<std::string> environment,
                               Children::Ended ended);

/// Whether there is one.
Task<bool> has_rescue_shell(Context& context);

}  // namespace dboot
