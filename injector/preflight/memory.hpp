#pragma once

#include <cstdint>

namespace dboot::memory {

/// What is left for the payload and the first processes of the new system.
inline constexpr std::uint64_t headroom = 64U << 20U;

/// Throws Failure with the numbers when `needed` bytes and the headroom are more than `available`.
void require(std::uint64_t needed, std::uint64_t available);

/// What a new root may hold at most. A limit and no reservation: a tmpfs takes what is in it.
struct RootSize {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;  ///< files and directories
};

/// What was asked for, else all that is available without the headroom: the new system has no other
/// disk to live on. Throws Failure when `requested` bytes (0: nothing was asked for) are fewer than
/// `estimated` ones.
RootSize root_size(std::uint64_t requested, std::uint64_t estimated, std::uint64_t available);

/// While the new root is filled, the kernel may run out of memory. The one that it ends shall be
/// this process, whose end frees all of it, and no service of the host.
void go_first_when_it_ends();

/// The new root is charged to the memory cgroup of who fills it, and the limit of an ssh session is
/// not the machine's. In version 1 that group would also stay, and keep the controller from the new
/// system. Not for a rehearsal, which must not change a thing outside.
void leave_limits();

}  // namespace dboot::memory
