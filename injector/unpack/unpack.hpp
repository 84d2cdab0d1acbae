#pragma once

#include <memory>
#include <string>

#include "injector/progress.hpp"
#include "injector/stream/byte_stream.hpp"

namespace dboot::rootfs {

/// Writes the entries of a tar archive, compressed or not, below `root_fd`, with owners and modes
/// as they are, and never outside of it: parents are opened beneath the root, whatever symlinks the
/// archive has brought, and entries that name ".." are refused. Reads the stream to its end, in
/// another thread, which has ended on return. Content bytes are added to `progress`. `description`
/// is the archive's, for messages. Throws Failure (a bad archive, a full root, an interruption);
/// what has been written until then stays.
void unpack(std::unique_ptr<ByteStream> stream, int root_fd, Progress& progress,
            const std::string& description);

}  // namespace dboot::rootfs
