#pragma once

#include <memory>
#include <string>

#include "injector/stream/filling_stream.hpp"

namespace dboot {

/// What bzip2 has compressed, stream after stream. Throws Damage.
std::unique_ptr<FillingStream> bzip2_stream(std::unique_ptr<ByteStream> stream,
                                            const std::string& description);

}  // namespace dboot
