#pragma once

#include <memory>
#include <string>

#include "injector/stream/filling_stream.hpp"

namespace dboot {

/// What lz4 has compressed, frame after frame (lz4_Frame_format.md); checksums are checked where
/// there are some. Throws Damage.
std::unique_ptr<FillingStream> lz4_stream(std::unique_ptr<ByteStream> stream,
                                          const std::string& description);

}  // namespace dboot
