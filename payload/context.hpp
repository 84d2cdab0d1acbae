#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/console/console.hpp"
#include "payload/console/kernel_log.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/phases/wake.hpp"
#include "payload/processes/reaper.hpp"
#include "payload/processes/terminator.hpp"
#include "shared/plan/plan.hpp"

namespace dboot {

/// What lives as long as the takeover does.
struct Context {
  Context(const boost::asio::any_io_executor& executor, Plan the_plan, Permissions allowed,
          DeviceNodes the_devices, std::vector<UniqueFd> inherited, ResourceLimits of_old_system)
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
  DeviceNodes devices;
  ResourceLimits limits;  ///< for what is started
  Reaper reaper;
  Terminator terminator;
  Console console;
  KernelLog kernel_log;
};

}  // namespace dboot
