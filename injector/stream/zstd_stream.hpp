#pragma once

#include <memory>
#include <string>

#include "injector/stream/filling_stream.hpp"

namespace dboot {

/// What zstd has compressed (RFC 8878), frame after frame; checksums are checked where there are
/// some. A frame that wants more than 128 MiB of memory is refused, as by zstd(1) itself. Throws
/// Damage.
std::unique_ptr<FillingStream> zstd_stream(std::unique_ptr<ByteStream> stream,
                                           const std::string& description);

}  // namespace dboot
