#pragma once

#include <array>

/// The directory that the two programs share, and what lies in it. See CONTRIBUTING.md, "How it
/// works".
namespace dboot::layout {

inline constexpr const char* directory = "/run/dboot";           ///< tmpfs of its own, 0700, exec
inline constexpr const char* payload = "/run/dboot/dboot-init";  ///< executed by PID 1
inline constexpr const char* plan = "/run/dboot/plan";           ///< see shared/plan/plan.hpp
inline constexpr const char* payload_log = "/run/dboot/payload.log";  ///< written by the payload
inline constexpr const char* root = "/run/dboot/root";                ///< tmpfs: the new root
inline constexpr const char* hooks = "/run/dboot/hooks";              ///< what --hook names
inline constexpr const char* busybox = "/run/dboot/busybox";  ///< a shell where no root has one
inline constexpr const char* shell = "/run/dboot/sh";         ///< a link to it
inline constexpr const char* command_socket = "/run/dboot/command";    ///< to attach to the command
inline constexpr const char* guardian_socket = "/run/dboot/guardian";  ///< for dboot-confirm
/// What makes the kernel's watchdog in software, in the order in which it is loaded.
inline constexpr const char* watchdog_modules = "/run/dboot/watchdog";
inline constexpr const char* ssh = "/run/dboot/ssh";  ///< root of the ssh server that comes along

/// The same below `directory`.
inline constexpr const char* payload_name = "dboot-init";
inline constexpr const char* plan_name = "plan";
inline constexpr const char* payload_log_name = "payload.log";
inline constexpr const char* root_name = "root";
inline constexpr const char* hooks_name = "hooks";
inline constexpr const char* busybox_name = "busybox";
inline constexpr const char* shell_name = "sh";
inline constexpr const char* attach_name = "dboot-attach";
inline constexpr const char* confirm_name = "dboot-confirm";
inline constexpr const char* watchdog_modules_name = "watchdog";
inline constexpr const char* ssh_name = "ssh";

/// Where the old root is after the pivot: in the tmpfs that is the new root's /run, so that nothing
/// of the image is in the way, and a root that is full does not matter.
inline constexpr const char* old_root = "/run/.old-root";

/// Directories of the new root that the payload mounts on, below it. What an image has there is
/// hidden.
inline constexpr std::array mount_points{"proc", "sys", "dev", "run"};

}  // namespace dboot::layout
