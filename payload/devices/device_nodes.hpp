#pragma once

#include <string>

#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Where device nodes are opened. On a machine that is a mount of devtmpfs that is attached nowhere
/// until the new root gets it as /dev: a descriptor below the old /dev would keep the old mount
/// busy. In a namespace it is /dev by its name, which is carried into the new root.
class DeviceNodes {
 public:
  /// By name.
  DeviceNodes() noexcept = default;
  /// The machine's devtmpfs, mounted nowhere. Throws std::system_error.
  static DeviceNodes detached();

  /// open(2) with O_CLOEXEC added. May block in a driver. Throws std::system_error.
  UniqueFd open(const std::string& name, int flags) const;
  /// The detached mount, to keep it in a child; -1 when there is none.
  int mount() const noexcept { return mount_.get(); }

 private:
  UniqueFd mount_;
};

}  // namespace dboot
