#pragma once

#include <sys/types.h>

#include <vector>

#include "shared/proc/process_status.hpp"

namespace dboot {

bool is_ssh_server(const ProcessStatus& process);

/// A process and its ancestors, upwards, as far as they show a person what it says: up to the ssh
/// server that somebody has come by, or to the leader of the session. What is above looks after
/// other things as well, and may start them again. `caller` 0: nobody.
std::vector<pid_t> session_of(pid_t caller);

}  // namespace dboot
