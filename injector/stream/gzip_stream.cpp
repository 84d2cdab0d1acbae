#include "injector/stream/gzip_stream.hpp"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "injector/interruption.hpp"
#include "injector/stream/codec_stream.hpp"

namespace dboot {
namespace {

constexpr const char* garbage = "are followed by something else";

const char* reason(int error) {
  switch (error) {
    case ISAL_INCORRECT_CHECKSUM:
      return "have a wrong checksum";
    case ISAL_INVALID_WRAPPER:
      return "have a damaged header";
    case ISAL_UNSUPPORTED_METHOD:
      return "are not compressed by deflate";
    default:
      return "are damaged";
  }
}

std::uint32_t at_most_2_gib(std::size_t size) {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(size, std::numeric_limits<std::int32_t>::max()));
}

class GzipStream : public CodecStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> stream, const std::string& description)
      : CodecStream(std::move(stream), "gzip", description),
        state_(std::make_unique<inflate_state>()) {
    begin_member();
  }

 private:
  void begin_member() {
    ::isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

  Step step(std::span<const char> in, std::span<char> out) override {
    if (state_->block_state == ISAL_BLOCK_FINISH) begin_member();
    const std::uint32_t given = at_most_2_gib(in.size());
    const std::uint32_t room = at_most_2_gib(out.size());
    state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(in.data()));
    state_->avail_in = given;
    state_->next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state_->avail_out = room;
    const int result = ::isal_inflate(state_.get());
    if (result < 0) fail(reason(result));
    return {given - state_->avail_in, room - state_->avail_out,
            state_->block_state == ISAL_BLOCK_FINISH};
  }

  /// A tape's last block is filled up with zeros, and gzip(1) takes them in silence.
  bool is_end(Input& input) override {
    if (input.bytes().front() == '\x1f') return false;
    for (auto bytes = input.bytes(); !bytes.empty(); bytes = input.bytes()) {
      interruption::check();
      if (std::ranges::any_of(bytes, [](char byte) { return byte != 0; })) fail(garbage);
      input.take(bytes.size());
    }
    return true;
  }

  std::unique_ptr<inflate_state> state_;  // 80 KiB
};

}  // namespace

std::unique_ptr<FillingStream> gzip_stream(std::unique_ptr<ByteStream> stream,
                                           const std::string& description) {
  return std::make_unique<GzipStream>(std::move(stream), description);
}

}  // namespace dboot
