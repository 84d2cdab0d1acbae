#pragma once

#include "payload/context.hpp"

/// From execve in the old system's PID 1 to a process that depends on nothing of it.
namespace dboot::phases {

/// Before the event loop exists: default signals, none of the old descriptors but 0 to 2, room for
/// descriptors; the plan is read. Does not throw: see Inheritance::refusal.
Inheritance wake_up();

/// Lets go of 0 to 2: /dev/null takes their place or, where there is none, an empty file in memory;
/// the place of 2, for last words, the kernel's log. In a namespace what stood on them is kept for
/// the command, and 2 as it is. Throws std::system_error.
void leave_stdio(Inheritance& inherited);

/// Starts the record in layout::payload_log, if that can be opened.
void open_log(Context& context);

Task<> wake(Context& context);

}  // namespace dboot::phases
