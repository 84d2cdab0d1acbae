#pragma once

#include "shared/system/unique_fd.hpp"

/// The stub's side of what keeps a mistake that is made in a rehearsal from reaching the machine.
/// Not malice: whoever is root in there finds a way (namespaces(7), "initial user namespace").
namespace dboot::containment {

/// Makes the mounts of the host, as the stub alone sees them, read-only and without devices, and
/// hides the directories where sockets lie. Never a filesystem, which is the machine's. Throws
/// std::system_error.
void shield_mounts();

/// Drops those that reach hardware, also for what is executed: MKNOD, SYS_MODULE, SYS_RAWIO,
/// SYS_TIME. SYS_BOOT stays, for reboot(2) in a PID namespace ends its init and nothing else
/// (pid_namespaces(7)). Throws std::system_error.
void drop_capabilities();

/// Refuses with EPERM: swapon(2), swapoff(2), kexec_load(2), kexec_file_load(2), syslog(2), and to
/// freeze, trim or shut down a filesystem (ioctl(2)). Returns what CallGuard answers the others
/// with, those that mount (seccomp_unotify(2)). Calls by the 32-bit interface pass. Throws
/// std::system_error.
UniqueFd filter_calls();

}  // namespace dboot::containment
