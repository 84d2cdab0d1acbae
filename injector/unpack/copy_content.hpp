#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace dboot::rootfs {

/// Copies what is in a regular file into a new, empty one on a tmpfs, with its holes. `size` and
/// `blocks` are what stat(2) says about the source. `copied` is told the bytes after every block;
/// it may throw. Throws std::system_error.
void copy_content(int from, int to, std::uint64_t size, std::uint64_t blocks,
                  std::span<char> buffer, const std::function<void(std::uint64_t)>& copied);

}  // namespace dboot::rootfs
