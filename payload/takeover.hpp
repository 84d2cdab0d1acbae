#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/devices.hpp"
#include "payload/permissions.hpp"
#include "payload/phases/console.hpp"
#include "payload/phases/kernel_log.hpp"
#include "payload/phases/wake.hpp"
#include "payload/processes/terminator.hpp"
#include "payload/reaper.hpp"
#include "shared/plan.hpp"

namespace dboot {

/// What lives as long as the takeover does.
struct Takeover {
  Takeover(const boost::asio::any_io_executor& executor, Plan the_plan, Permissions allowed,
           Devices the_devices, std::vector<UniqueFd> inherited, ResourceLimits of_old_system)
      : plan(std::move(the_plan)),
        permissions(allowed),
        devices(std::move(the_devices)),
        limits(std::move(of_old_system)),
        reaper(executor),
        terminator(executor),
        console(devices, permissions, std::move(inherited)),
        kernel_log(permissions) {}

  Plan plan;
  Permissions permissions;
  Devices devices;
  ResourceLimits limits;  ///< for what is started
  Reaper reaper;
  Terminator terminator;
  Console console;
  KernelLog kernel_log;
};

}  // namespace dboot
