#pragma once

#include <sys/types.h>

#include <compare>
#include <optional>
#include <string>

namespace dboot {

/// The identity of a namespace: device and inode of /proc/PID/ns/KIND (namespaces(7)).
struct NamespaceId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const NamespaceId&) const = default;
};

/// The namespace that /proc/PROCESS/ns/KIND names; PROCESS is a pid or "self", KIND is "pid",
/// "mnt", … Empty when it cannot be read.
std::optional<NamespaceId> namespace_of(const std::string& process,
                                        const std::string& kind) noexcept;

/// The same of the process whose directory below /proc is open as `process_directory`.
std::optional<NamespaceId> namespace_of(int process_directory, const std::string& kind) noexcept;

/// True when this process is in the initial namespace of that kind, which has a fixed inode
/// (include/linux/proc_ns.h: PROC_PID_INIT_INO and its like). Unreadable counts as "no": whoever
/// asks wants to know whether it may touch the machine. KIND: "pid", "uts", "cgroup", "ipc" or
/// "user".
bool in_initial_namespace(const std::string& kind) noexcept;
/// The same of the process whose directory in a proc filesystem is open as `process_directory`.
bool in_initial_namespace(int process_directory, const std::string& kind) noexcept;

}  // namespace dboot
