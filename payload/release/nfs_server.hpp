#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Stops the kernel's NFS server, if it runs: its threads are no processes that a signal ends, and
/// what it exports stays open (nfsd(7)). To be called when what is mounted from it has been
/// unmounted.
Task<> stop_nfs_server(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
