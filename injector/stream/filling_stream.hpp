#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "injector/stream/byte_stream.hpp"

namespace dboot {

/// What is read, decompressed and handed on at once.
inline constexpr std::size_t stream_block = std::size_t{1} << 20U;

/// A stream that puts its bytes where it is told to, so that another thread's blocks are filled
/// without a copy in between.
class FillingStream : public ByteStream {
 public:
  std::span<const char> next() final;

  /// Fills `space`, which is not empty, and returns how many bytes there were: fewer only at the
  /// end or where the rest would have to be waited for, 0 at the end, and again after it. Throws as
  /// next() does.
  virtual std::size_t fill(std::span<char> space) = 0;

 private:
  std::unique_ptr<char[]> block_;
};

}  // namespace dboot
