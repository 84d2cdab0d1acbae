#pragma once

#include <array>

/// Mounts that are read-only in the mount namespace of the caller alone: never a filesystem, with
/// which every other mount of it on the machine would become read-only.
namespace dboot::read_only {

/// Through these whoever is root in a namespace reaches the machine.
inline constexpr std::array machine_files{
    "/proc/sys", "/proc/sysrq-trigger", "/proc/irq",  "/proc/bus",
    "/proc/fs",  "/proc/acpi",          "/proc/scsi", "/proc/mtrr"};

/// Of a mount of the kernel's, without devices and programs. Throws std::system_error.
void remount(const char* mount_point);
/// The same for a file or directory in one, which is mounted on itself. Nothing where the kernel
/// has none. Throws std::system_error.
void cover(const char* path);

}  // namespace dboot::read_only
