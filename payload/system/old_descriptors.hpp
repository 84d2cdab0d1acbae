#pragma once

#include <array>
#include <cstddef>

/// The files, sockets and terminals that the old PID 1 had open. close(2) may wait, for what FUSE
/// or a network filesystem has not written back, for a peer that lingers, for a line that takes
/// nothing. So a child closes them that shares this process's table of descriptors (CLONE_FILES):
/// the kernel takes a descriptor out of the table first and waits then, and who waits is the child.
namespace dboot::old_descriptors {

/// Closes all but 0 to 2. Returns how many of them children still wait for, after a second each.
std::size_t close_all() noexcept;
/// Lets 0 to 2 be what `by` is. Returns the same.
std::size_t replace_stdio(const std::array<int, 3>& by) noexcept;

}  // namespace dboot::old_descriptors
