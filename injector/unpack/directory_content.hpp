#pragma once

#include <cstdint>

/// A directory with everything below it, without what is mounted there.
namespace dboot::rootfs::directory_content {

/// Removes everything below `root_fd`, for a second attempt to fill it. Throws std::system_error.
void clear(int root_fd);

/// Bytes that the files below a directory take in memory: whole pages, without holes, each hard
/// link once. Throws std::system_error.
std::uint64_t memory_bytes(int directory);

}  // namespace dboot::rootfs::directory_content
