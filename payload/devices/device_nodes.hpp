#pragma once

#include <string>

#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Where device nodes are opened. On a machine that is a mount of devtmpfs that is attached nowhere
/// until the new root gets it as /dev: a descriptor below the old /dev would keep the old mount
/// busy. In a namespace it is the /dev that is there, which is carried into the new root: by its
/// name there is none right after the pivot, when somebody may open a terminal.
class DeviceNodes {
 public:
  /// By the name of /dev.
  DeviceNodes() noexcept = default;
  /// The /dev of now, wherever it will be; by its name where there is none.
  static DeviceNodes of_namespace() noexcept;
  /// The machine's devtmpfs, mounted nowhere. Throws std::system_error.
  static DeviceNodes detached();

  /// open(2) with O_CLOEXEC added. May block in a driver. Throws std::system_error.
  UniqueFd open(const std::string& name, int flags) const;
  /// Of the mount, to keep it in a child; -1 when there is none.
  int mount() const noexcept { return mount_.get(); }

 private:
  UniqueFd mount_;
};

}  // namespace dboot
