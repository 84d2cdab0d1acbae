#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"

namespace dboot {

/// Brings back what there was of the network and is gone, as by somebody who takes it along when he
/// ends; and gives no end to addresses and routes that nobody renews any more, with a word on when
/// their lease ends. Whatever fails is logged, and the rest done. Does nothing in a namespace.
Task<> restore_network(Log& log, Children& children, Permissions permissions,
                       const Network& before);

}  // namespace dboot
