#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/release/releaser.hpp"

namespace dboot {

/// Loop devices that have a backing file; a file that backs one holds its filesystem.
class LoopDevices final : public Releaser {
 public:
  LoopDevices(Log& log, Children& children, const DeviceNodes& devices, Permissions permissions);

  std::string_view name() const noexcept override { return "loop devices"; }
  Task<std::size_t> release(Round round) override;

 private:
  Log& log_;
  Children& children_;
  const DeviceNodes& devices_;
  bool allowed_;
  std::map<std::string, std::size_t> rounds_;  ///< that a device has been tried in
};

}  // namespace dboot
