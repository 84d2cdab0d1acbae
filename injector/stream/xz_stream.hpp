#pragma once

#include <memory>
#include <string>

#include "injector/stream/filling_stream.hpp"

namespace dboot {

/// What xz or lzma has compressed, stream after stream; zeros between and after them as the format
/// allows (xz-file-format.txt, 2.2). What wants more than 128 MiB of memory is refused; xz -9 takes
/// 65. Throws Damage.
std::unique_ptr<FillingStream> xz_stream(std::unique_ptr<ByteStream> stream,
                                         const std::string& description);

}  // namespace dboot
