#pragma once

#include <memory>
#include <string>

#include "injector/stream/filling_stream.hpp"

namespace dboot {

/// What lz4 -l has compressed, as for kernels and initramfs (lz4_Frame_format.md, "Legacy frame").
/// There are no checksums in it. Throws Damage.
std::unique_ptr<FillingStream> lz4_legacy_stream(std::unique_ptr<ByteStream> stream,
                                                 const std::string& description);

}  // namespace dboot
