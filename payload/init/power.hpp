#pragma once

#include <cstdint>
#include <string_view>

#include "payload/context.hpp"
#include "payload/task.hpp"

namespace dboot {

enum class Power : std::uint8_t { reboot, off, halt };
std::string_view to_string(Power power);

/// Ends all processes, with `grace` from SIGTERM to SIGKILL at most, unmounts disks, syncs, and
/// ends the machine, which takes a child: reboot(2) waits for devices
/// that may never answer. In a namespace it ends this process instead, with status 0. Does not
/// return.
Task<> end_system(Context& context, Power power);

}  // namespace dboot
