#pragma once

#include <memory>

#include "injector/stream/byte_stream.hpp"

namespace dboot {

/// The same bytes, read by another thread while the caller is busy with those before; at most four
/// blocks of 1 MiB ahead. What the stream throws, next() throws. The thread lives no longer than
/// what is returned, takes no signals, and its interruption::check() throws when it is to end; it
/// is woken from system calls for that.
std::unique_ptr<ByteStream> read_ahead(std::unique_ptr<ByteStream> stream);

}  // namespace dboot
