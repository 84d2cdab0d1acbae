#pragma once

#include "payload/context.hpp"

namespace dboot {

/// What is done when the command has ended, given whether there is a console for a menu.
OnExit resolve(OnExit on_exit, bool interactive);

/// "exit status 3" or "signal 9".
std::string describe_wait_status(int status);

/// Stays PID 1 and runs the plan's executable as a child: collects orphans, answers the signals
/// that busybox's reboot, poweroff and halt, systemctl and Ctrl-Alt-Del send to an init, and does
/// what the plan says when the command ends. A command whose plan names another signal than SIGTERM
/// gets that one first, and the plan's grace period to end. In a namespace this process exits with
/// the command's status. Throws std::system_error when the command cannot be started. Does not
/// return.
Task<> supervise(Context& context);

}  // namespace dboot
