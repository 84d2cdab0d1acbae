#pragma once

#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/console/kernel_log.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/guardian/old_disks.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Brings the machine back to the system on its disk when nobody confirms the new one in time
/// (plan: confirm_within): a process of its own, which a new init does not know. Does nothing where
/// the plan has no time for it, and in a namespace.
class Guardian {
 public:
  /// `directory`: layout::directory.
  Guardian(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions,
           KernelLog& kernel_log, const UniqueFd& directory, const Plan& plan)
      : log_(log),
        children_(children),
        devices_(devices),
        permissions_(permissions),
        kernel_log_(kernel_log),
        directory_(directory),
        plan_(plan) {}
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  bool is_wanted() const;

  /// When the old system's disks have been let go of: what it needs of them to start is noted.
  /// `in_use`: what it used, by names of sysfs.
  Task<> mark_disks(const std::vector<std::string>& in_use);

  /// Makes the kernel's watchdog in software one that there is, where the machine has none:
  /// layout::watchdog_modules. Then starts the guardian, which feeds `watchdogs` and, without any,
  /// the first that the machine has. When it ends before somebody has confirmed, PID 1 reboots.
  /// Throws std::exception when it cannot be started.
  Task<> start(std::vector<std::string> watchdogs);
  /// The new system starts now, and with it the time. Throws std::runtime_error when the guardian
  /// is not there any more.
  void begin();
  /// The takeover has failed, and leads back by itself: from here on the guardian feeds watchdogs,
  /// and no more.
  void relieve() noexcept;

 private:
  Task<> load_watchdog_modules();
  void heed_its_end(int status);
  bool is_disarmed() const;

  Log& log_;
  Children& children_;
  const DeviceNodes& devices_;
  Permissions permissions_;
  KernelLog& kernel_log_;
  const UniqueFd& directory_;
  const Plan& plan_;
  std::vector<std::string> marked_;
  std::vector<guardian::Mark> marks_;
  std::uint64_t writes_ = 0;
  pid_t pid_ = 0;  ///< 0: it was not started
  bool is_dead_ = false;
  UniqueFd told_;  ///< by the guardian: see guardian::Charge
};

}  // namespace dboot
