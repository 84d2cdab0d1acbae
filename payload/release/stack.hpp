#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "payload/children/children.hpp"
#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "payload/release/releaser.hpp"
#include "shared/devices/storage.hpp"

namespace dboot {

/// A kind of block devices that lie on others or on a file, and how one of them is taken apart.
struct StackKind {
  std::string_view name;  ///< "device mapper"
  Action action;
  std::string_view call;  ///< the system call, for the log
  bool (*is_one)(const BlockDevice& device);
  /// In a child. Throws std::system_error.
  void (*take_apart)(const BlockDevice& device, const DeviceNodes& nodes);
};

/// All devices of one kind. They hold what they lie on, and lie on one another: what nothing lies
/// on goes first. Those whose names are `kept` are the new system's.
class Stack final : public Releaser {
 public:
  Stack(const StackKind& kind, Log& log, Children& children, const DeviceNodes& nodes,
        Permissions permissions, std::set<std::string> kept);

  std::string_view name() const noexcept override { return kind_.name; }
  Task<std::size_t> release(Round round) override;

 private:
  Task<bool> take_apart(const BlockDevice& device, Round round);

  const StackKind& kind_;
  Log& log_;
  Children& children_;
  const DeviceNodes& nodes_;
  bool allowed_;
  std::set<std::string> kept_;
  std::map<std::string, std::size_t> rounds_;  ///< that a device has been tried in
};

}  // namespace dboot
