#pragma once

/// The signals that ask an init to end: SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPWR.
namespace dboot::requests {

/// They wait until somebody listens: the kernel drops a signal that a PID 1 neither handles nor
/// blocks (pid_namespaces(7)). For a rehearsal, where they come from whoever rehearses; on a
/// machine the old system may have sent them to its own init.
void keep_pending() noexcept;
/// Somebody listens. Those that came from outside of the PID namespace come now; those of the old
/// system's own processes were for its init.
void admit() noexcept;

}  // namespace dboot::requests
