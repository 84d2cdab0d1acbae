#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "payload/children/children.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"

/// Programs that the kernel starts by itself, by a path that is the new system's from the pivot on:
/// who handles core dumps, loads modules, is told of devices, powers the machine off.
namespace dboot {

/// What a fresh kernel has in the setting of that name ("kernel.core_pattern"); empty where `value`
/// may stay, since it is that already, or names no program. Pure.
std::optional<std::string> fresh_helper(std::string_view setting, std::string_view value);

/// Gives each of these settings what a fresh kernel has. Other settings stay as they are.
Task<> reset_kernel_helpers(Log& log, Children& children, Permissions permissions);

}  // namespace dboot
