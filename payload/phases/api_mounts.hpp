#pragma once

#include "payload/devices.hpp"
#include "payload/permissions.hpp"
#include "shared/unique_fd.hpp"

/// The new root, and the kernel's filesystems in it.
namespace dboot::api_mounts {

/// Where the old root is after the pivot: in the tmpfs that is the new root's /run, so that nothing
/// of the image is in the way, and a root that is full does not matter.
inline constexpr const char* old_root = "/run/.old-root";

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
  void mount_all(const Devices& devices, Permissions permissions) const;

 private:
  void mount_of_machine(const Devices& devices) const;
  void mount_of_namespace() const;

  UniqueFd root_;
  UniqueFd proc_;
  UniqueFd sys_;
  UniqueFd dev_;
  UniqueFd run_;
};

}  // namespace dboot::api_mounts
