#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>

#include "injector/stream/filling_stream.hpp"
#include "injector/stream/input.hpp"

namespace dboot {

/// What the decompressors of all libraries have in common: units (members, frames, streams) one
/// after the other, each with a begin, an end and a checksum.
class CodecStream : public FillingStream {
 public:
  std::size_t fill(std::span<char> space) final;

 protected:
  /// `codec` and `description` are for messages: "its zstd data end too early".
  CodecStream(std::unique_ptr<ByteStream> stream, std::string codec, std::string description);

  struct Step {
    std::size_t taken = 0;
    std::size_t made = 0;
    bool unit_ended = false;  ///< and the next one has not begun
  };
  /// Takes some of `in`, which is empty at the end of all input, and makes some of `out`, as much
  /// as it can of both. Throws by fail().
  virtual Step step(std::span<const char> in, std::span<char> out) = 0;
  /// Called where a unit has ended and something follows. True when that was all the same the end.
  virtual bool is_end(Input& input);

  [[noreturn]] void fail(const std::string& what) const;
  /// The same for what nobody should have to spend; `how` decompresses it without that bound.
  [[noreturn]] void fail_for_memory(const std::string& how) const;

 private:
  std::size_t fill_some(std::span<char> space);

  Input input_;
  std::string codec_;
  std::string description_;
  bool between_units_ = false;
  bool ended_ = false;
  std::exception_ptr failure_;
};

}  // namespace dboot
