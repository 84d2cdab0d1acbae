#pragma once

#include "payload/context.hpp"

namespace dboot::phases {

/// Starts the plan's executable: in the place of this process, with stdio on the console and no
/// controlling terminal (Ctrl-C must not reach an init), or supervised as its child. Nothing is
/// written to the consoles and the kernel's log any more. Does not return. Throws
/// std::system_error when the executable cannot be started; in a namespace this process exits
/// instead, with status 126 or 127 as a shell does.
Task<> start(Context& context);

}  // namespace dboot::phases
