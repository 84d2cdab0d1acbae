#pragma once

#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Nothing done here may reach another mount namespace, and under shared propagation pivot_root and
/// MS_MOVE fail (mount_namespaces(7), pivot_root(2)). Throws std::system_error.
void make_private();

/// The directories of the new root that something is mounted on. They are opened before the first
/// mount, and made where they are missing; a symlink in the place of one is refused. From then on
/// no path leads through anything that the image has made.
class NewRoot {
 public:
  /// Throws std::system_error.
  NewRoot();

  /// It becomes "/", what was "/" lies at old_root. Throws std::system_error.
  void pivot() const;

  /// /proc, /sys, /dev, /dev/pts, /dev/shm and /run/dboot in the new root, after the pivot. In a
  /// namespace /dev is carried over from the old root, and /sys and /proc/sys are read-only. Throws
  /// std::system_error for what no system can live without (/proc, /dev, /run/dboot); the rest is
  /// logged.
  void mount_all(const DeviceNodes& devices, Permissions permissions) const;

 private:
  void mount_of_machine(const DeviceNodes& devices) const;
  void mount_of_namespace() const;

  UniqueFd root_;
  UniqueFd proc_;
  UniqueFd sys_;
  UniqueFd dev_;
  UniqueFd run_;
};

}  // namespace dboot
