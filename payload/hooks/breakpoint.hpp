#pragma once

#include "payload/context.hpp"
#include "payload/task.hpp"

namespace dboot {

/// A breakpoint of the plan: a shell on the console until a person leaves it, or asks for a reboot
/// in it, or its time is over. What was started in it ends with it. Without a console, or without a
/// shell, the takeover goes on at once.
Task<> stop_at(Context& context, const Place& place);

}  // namespace dboot
