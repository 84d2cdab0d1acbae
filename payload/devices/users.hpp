#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/task.hpp"
#include "shared/devices/device_graph.hpp"

namespace dboot {

/// Processes that use devices, as far as /proc tells: an open file or a mapped one, a working
/// directory, a root, or the device itself; or a mount that only their mount namespace has.
/// "pid 812 (dd)", "mount /srv of pid 812 (dd)"; "pid 812 (dd), which is ending" for one that may:
/// what it had is let go of when it has ended, and is not seen any more. What hangs in the kernel
/// may hide some.
Task<std::vector<std::string>> users_of(Children& children, DeviceGraph::Traces traces);

/// The device numbers of the files that a process has mapped, in the text of its maps
/// (proc_pid_maps(5)).
std::set<dev_t> devices_in_maps(std::string_view maps);

}  // namespace dboot
