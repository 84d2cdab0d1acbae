#pragma once

#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/children/companions.hpp"
#include "payload/children/resource_limits.hpp"
#include "payload/console/console.hpp"
#include "payload/console/kernel_log.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/devices/proof.hpp"
#include "payload/guardian/guardian.hpp"
#include "payload/permissions.hpp"
#include "payload/processes/terminator.hpp"
#include "payload/record/disk_log.hpp"
#include "payload/system/last_resort.hpp"
#include "payload/system/watchdogs.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// What there is before the event loop.
struct Inheritance {
  std::string program;  ///< the payload's name
  std::string version;  ///< and its version
  UniqueFd directory;   ///< layout::directory: no path to it leads through the old root any more
  Plan plan;
  std::string refusal;  ///< why the plan cannot be carried out; empty when it can
  Permissions permissions{Scope::in_namespace, false, false};
  DeviceNodes devices;
  std::vector<UniqueFd> stdio;  ///< what stood on 0 to 2; empty on a machine
  ResourceLimits limits;
  std::size_t descriptors_that_hang = 0;  ///< of the old PID 1, see old_descriptors
  bool anew = false;                      ///< by a payload that was broken, see LastResort
};

/// What lives as long as the takeover does. Steps get it, the parts of it get references to what
/// they use of one another; nothing is global, so that a custom payload or a test makes its own.
struct Context {
  Context(const boost::asio::any_io_executor& executor, Inheritance inherited)
      : program(std::move(inherited.program)),
        version(std::move(inherited.version)),
        directory(std::move(inherited.directory)),
        plan(std::move(inherited.plan)),
        permissions(inherited.permissions),
        devices(std::move(inherited.devices)),
        limits(std::move(inherited.limits)),
        last_resort(permissions, inherited.anew),
        children(executor, log),
        companions(log, children, directory),
        terminator(log, children, permissions, executor, plan.keep_network,
                   static_cast<pid_t>(plan.caller)),
        console(log, children, devices, permissions, directory, executor,
                std::move(inherited.stdio), plan.log_level),
        kernel_log(log, children, permissions),
        proof(log, children, devices, permissions),
        disk_log(log, children, permissions, directory, executor),
        watchdogs(log, children, devices, permissions, executor),
        guardian(log, children, devices, permissions, kernel_log, directory, plan),
        descriptors_that_hang(inherited.descriptors_that_hang) {}

  std::string program;  ///< the payload's name
  std::string version;  ///< and its version
  UniqueFd directory;
  Plan plan;
  Permissions permissions;
  DeviceNodes devices;
  ResourceLimits limits;  ///< for what is started
  LastResort last_resort;
  Log log;
  Children children;
  Companions companions;
  Terminator terminator;
  Console console;
  KernelLog kernel_log;
  Proof proof;  ///< that the disks are free
  DiskLog disk_log;
  Watchdogs watchdogs;
  Guardian guardian;
  std::size_t descriptors_that_hang;  ///< of the old PID 1, see old_descriptors
};

}  // namespace dboot
