#pragma once

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Takes away every rule of nftables, and every rule and chain of the tables of the older iptables
/// and ip6tables, whose built-in chains let everything pass then. Whatever fails is logged. Does
/// nothing in a namespace.
Task<> flush_firewall(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
