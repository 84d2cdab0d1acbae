#pragma once

#include "payload/devices.hpp"
#include "payload/permissions.hpp"

/// The new root, and the kernel's filesystems in it.
namespace dboot::api_mounts {

/// Where the old root is after the pivot.
inline constexpr const char* old_root = "/.old-root";

/// Nothing done here may reach another mount namespace, and under shared propagation pivot_root and
/// MS_MOVE fail (mount_namespaces(7), pivot_root(2)). Throws std::system_error.
void make_private();

/// layout::root becomes "/", what was "/" lies at old_root. Throws std::system_error.
void pivot();

/// /proc, /sys, /dev, /dev/pts, /dev/shm, /run and /run/dboot in the new root. In a namespace /dev
/// is carried over from the old root, and /sys and /proc/sys are read-only. Throws
/// std::system_error for what no system can live without (/proc, /dev, /run); the rest is logged.
void mount_all(const Devices& devices, Permissions permissions);

}  // namespace dboot::api_mounts
