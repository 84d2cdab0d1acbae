#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "injector/stream/byte_stream.hpp"

namespace dboot {

/// A stream of which the reader takes as much as it likes.
class Input {
 public:
  explicit Input(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  /// What is there and was not taken yet; empty only at the end. Throws as the stream does.
  std::span<const char> bytes() {
    if (bytes_.empty()) bytes_ = stream_->next();
    return bytes_;
  }
  void take(std::size_t count) { bytes_ = bytes_.subspan(count); }

 private:
  std::unique_ptr<ByteStream> stream_;
  std::span<const char> bytes_;
};

}  // namespace dboot
