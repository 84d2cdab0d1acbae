#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "payload/children/children.hpp"
#include "payload/condition.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Hardware watchdogs that the old system has left armed, as RuntimeWatchdogSec= of
/// systemd-system.conf(5) does: who fed them is gone, and they would reset the machine in the
/// middle of the takeover. See Documentation/watchdog/watchdog-api.rst.
class Watchdogs {
 public:
  Watchdogs(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions,
            const boost::asio::any_io_executor& executor)
      : log_(log),
        children_(children),
        devices_(devices),
        permissions_(permissions),
        ended_(executor) {}
  ~Watchdogs();
  Watchdogs(const Watchdogs&) = delete;
  Watchdogs& operator=(const Watchdogs&) = delete;

  /// A child for each that is armed now feeds it every second from here on: also one that a daemon
  /// of the old system still has open, as soon as that has ended. One that is not armed is not
  /// opened, for that would arm it. Nothing in a namespace.
  Task<> keep_fed();

  /// Stops them, as far as their drivers allow, and ends the feeding. One that cannot be stopped is
  /// fed on beside a command that is supervised; an init has to do that by itself.
  Task<> let_go(Start start);

  /// Ends the feeding of those that are armed, for somebody else who does it from here on. Returns
  /// their names.
  Task<std::vector<std::string>> pass_on();

 private:
  struct Feeder {
    std::string name;  ///< "watchdog0"
    pid_t pid = 0;     ///< 0 when it has ended
    UniqueFd orders;   ///< a pipe; at its end the child ends
    int starts = 0;    ///< in the place of one that was killed
  };

  Task<> start_feeding(std::string name);
  pid_t start(Feeder& feeder);
  void start_again(Feeder& feeder);
  Task<> stop(Feeder& feeder);
  Task<> end(Feeder& feeder);

  Log& log_;
  Children& children_;
  const DeviceNodes& devices_;
  Permissions permissions_;
  Condition ended_;
  std::vector<std::unique_ptr<Feeder>> feeders_;
};

}  // namespace dboot
