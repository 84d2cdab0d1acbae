#pragma once

/// The signals that ask an init to end: SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPWR, and `also`, the
/// plan's, where it is SIGHUP, SIGQUIT or a real-time signal: others mean something else too.
namespace dboot::requests {

/// They wait until somebody listens: the kernel drops a signal that a PID 1 neither handles nor
/// blocks (pid_namespaces(7)). For a rehearsal, where they come from whoever rehearses; on a
/// machine the old system may have sent them to its own init.
void keep_pending(int also) noexcept;
/// The last of those that came from outside of the PID namespace; 0 for none. Those of the old
/// system's own processes were for its init.
int take(int also) noexcept;
/// Somebody listens. What take() would give comes now.
void admit(int also) noexcept;

}  // namespace dboot::requests
