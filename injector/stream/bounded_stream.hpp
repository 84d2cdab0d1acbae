#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "injector/stream/byte_stream.hpp"

namespace dboot {

/// The same bytes, as long as there are no more than `most`: what a few bytes can be decompressed
/// to has no other end. Throws Failure where there are more.
std::unique_ptr<ByteStream> bounded_stream(std::unique_ptr<ByteStream> stream, std::uint64_t most,
                                           const std::string& description);

}  // namespace dboot
