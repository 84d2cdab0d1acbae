#pragma once

#include <cstddef>

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/task.hpp"
#include "shared/devices/device_graph.hpp"
#include "shared/log/log.hpp"

namespace dboot {

/// Shows that the old system's disks are free: those that it used when the object was made, down to
/// the disks themselves.
class Proof {
 public:
  /// Does nothing in a namespace. Throws std::system_error.
  Proof(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions);

  /// Each that is still there is opened with O_EXCL, which the kernel refuses while anything in it
  /// uses the device; but for a loop device, for which it is looked. Logs "released" or "still
  /// busy", and at last how many of them there are.
  Task<> give() const;

 private:
  void note_devices() const;
  Task<bool> is_free(const DeviceGraph::DeviceInUse& device) const;
  Task<std::string> what_keeps(const DeviceGraph::DeviceInUse& device) const;

  Log& log_;
  Children& children_;
  const DeviceNodes& devices_;
  bool allowed_;
  DeviceGraph before_;
};

}  // namespace dboot
