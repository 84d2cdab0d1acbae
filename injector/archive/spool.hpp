#pragma once

#include <cstdint>
#include <memory>

#include "injector/stream/byte_stream.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// Keeps what has been read of a stream, in memory (memfd_create(2)).
class Spool {
 public:
  /// At most `most` bytes are kept. Throws std::system_error.
  Spool(std::unique_ptr<ByteStream> stream, std::uint64_t most);

  /// The stream from its begin, every byte of which is kept when it is read; may be taken once, and
  /// not live longer than this object. Its next() throws Failure when there is more than may be
  /// kept.
  std::unique_ptr<ByteStream> reader();

  /// Reads and keeps the rest, and gives all of it as a file. Throws as reader() does.
  UniqueFd whole() &&;

  /// What has been kept, and then what comes: nothing of that is kept.
  std::unique_ptr<ByteStream> replay() &&;

 private:
  class Reader;

  std::span<const char> read();

  std::unique_ptr<ByteStream> stream_;
  std::uint64_t most_;
  std::uint64_t kept_ = 0;
  UniqueFd file_;
};

}  // namespace dboot::image
