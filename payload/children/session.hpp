#pragma once

#include <sys/types.h>

#include "payload/task.hpp"

namespace dboot {

/// Kills every process of the session whose leader that is or was (setsid(2)), as start_program()
/// makes one for each program, and waits for their end: two seconds at most, for one may sleep
/// uninterruptibly. Reads /proc.
Task<> end_session(pid_t leader);

}  // namespace dboot
