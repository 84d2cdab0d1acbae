#pragma once

#include "injector/options.hpp"

namespace dboot::takeover {

/// Does what the command line says: preflight, prepare, commit. Returns the exit status of a
/// rehearsal or a dry run; a takeover of the own PID 1 does not return, as execve(2) does not.
/// Throws Failure or std::system_error, and then the host is as it was.
int run(const Options& options);

}  // namespace dboot::takeover
