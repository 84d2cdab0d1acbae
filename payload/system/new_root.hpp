#pragma once

#include <string_view>

#include "payload/devices/device_nodes.hpp"
#include "payload/permissions.hpp"
#include "shared/log/log.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// Nothing done here may reach another mount namespace, and under shared propagation pivot_root and
/// MS_MOVE fail (mount_namespaces(7), pivot_root(2)). Throws std::system_error.
void make_mounts_private(Log& log);

/// The prepared root, and the kernel's filesystems in it. The directories that something is mounted
/// on are opened before the first mount, and made where they are missing; a symlink in the place of
/// one is refused. From then on no path leads through anything that the image has made, and none
/// through the old root.
class NewRoot {
 public:
  /// `directory`: layout::directory. Throws std::system_error.
  NewRoot(Log& log, const UniqueFd& directory, const DeviceNodes& devices, Permissions permissions);

  /// It becomes "/", what was "/" lies at layout::old_root. Throws std::system_error.
  void pivot() const;

  /// /proc, /sys, /dev, /dev/pts, /dev/shm and /run/dboot in the new root, after the pivot. In a
  /// namespace /dev is carried over from the old root, and what reaches the machine is read-only.
  /// Throws std::system_error for that, and for what no system can live without (/proc, /dev,
  /// /run/dboot); the rest is logged.
  void mount_all() const;

 private:
  template <class Mounting>
  void attempt(std::string_view about, Mounting mounting) const;
  void mount_of_machine() const;
  void mount_of_namespace() const;

  Log& log_;
  const UniqueFd& directory_;
  const DeviceNodes& devices_;
  bool on_machine_;
  UniqueFd root_;
  UniqueFd proc_;
  UniqueFd sys_;
  UniqueFd dev_;
  UniqueFd run_;
};

}  // namespace dboot
