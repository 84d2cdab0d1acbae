#pragma once

#include <algorithm>
#include <string_view>

#include "injector/stream/byte_stream.hpp"

namespace dboot::fuzz {

/// Bytes that somebody else holds, in pieces.
class MemoryStream : public ByteStream {
 public:
  explicit MemoryStream(std::string_view bytes, std::size_t piece = 1U << 16U)
      : rest_(bytes), piece_(piece) {}

  std::span<const char> next() override {
    const auto size = std::min(piece_, rest_.size());
    const std::span<const char> bytes(rest_.data(), size);
    rest_.remove_prefix(size);
    return bytes;
  }

 private:
  std::string_view rest_;
  std::size_t piece_;
};

}  // namespace dboot::fuzz
