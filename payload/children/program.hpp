#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/children/resource_limits.hpp"
#include "payload/task.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

struct Program {
  std::string executable;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string working_directory = "/";
  std::string root = "/";
  Credentials credentials = {};
  ResourceLimits limits = {};  ///< instead of this process's own
  /// A companion becomes the subreaper (PR_SET_CHILD_SUBREAPER) of its descendants.
  Children::Kind kind = Children::Kind::program;
};

/// Starts a program in a session of its own, with `stdio` on 0 to 2 and the terminal among them as
/// its controlling terminal: job control and Ctrl-C are its, not PID 1's. `ended` is called with
/// its wait status. Throws std::system_error when it cannot be started, with execve's errno.
Task<pid_t> start_program(Children& children, Program program, std::vector<UniqueFd> stdio,
                          Children::Ended ended);

/// With TERM when there is none.
std::vector<std::string> with_terminal_type(std::vector<std::string> environment,
                                            const std::string& type);

/// argv or envp, for the lifetime of `texts`.
std::vector<char*> pointers_to(std::vector<std::string>& texts);

}  // namespace dboot
