#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Drops the keys that the old system has left with root: systemd keeps passphrases of encrypted
/// disks there, and a volume key may be linked to there (keyrings(7), cryptsetup(8)). What
/// processes had to themselves has gone with them.
Task<> clear_keyrings(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
