#pragma once

#include <cstdint>
#include <span>

namespace dboot {

/// Bytes as they come, from an engine, a file or a decompressor: read once, from begin to end.
class ByteStream {
 public:
  ByteStream() = default;
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  /// The next bytes, valid until the next call; empty at the end, and again after it. Throws
  /// Failure when they end too early, are not what they should be, or the user interrupts.
  virtual std::span<const char> next() = 0;

  /// Passes over bytes, `most` at most, where that costs less than reading them; how many it were.
  virtual std::uint64_t skip(std::uint64_t most) noexcept {
    static_cast<void>(most);
    return 0;
  }
};

}  // namespace dboot
