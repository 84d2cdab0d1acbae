#include "injector/stream/xz_stream.hpp"

#include <lzma.h>

#include <cstdint>
#include <new>
#include <utility>

#include "injector/stream/codec_stream.hpp"

namespace dboot {
namespace {

constexpr std::uint64_t most_memory = std::uint64_t{128} << 20U;

const char* reason(lzma_ret result) {
  switch (result) {
    case LZMA_OPTIONS_ERROR:
      return "are compressed in a way that is not known";
    default:
      return "are damaged";
  }
}

class XzStream : public CodecStream {
 public:
  XzStream(std::unique_ptr<ByteStream> stream, const std::string& description)
      : CodecStream(std::move(stream), "xz", description) {
    if (::lzma_auto_decoder(&state_, most_memory, LZMA_CONCATENATED) != LZMA_OK) {
      throw std::bad_alloc();
    }
  }
  ~XzStream() override { ::lzma_end(&state_); }
  XzStream(const XzStream&) = delete;
  XzStream& operator=(const XzStream&) = delete;

 private:
  Step step(std::span<const char> in, std::span<char> out) override {
    state_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    state_.avail_in = in.size();
    state_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state_.avail_out = out.size();
    const lzma_ret result = ::lzma_code(&state_, in.empty() ? LZMA_FINISH : LZMA_RUN);
    // No progress is the caller's to judge.
    if (result == LZMA_BUF_ERROR) return {};
    if (result == LZMA_MEMLIMIT_ERROR) fail_for_memory("xz -dc");
    if (result != LZMA_OK && result != LZMA_STREAM_END) fail(reason(result));
    if (result == LZMA_STREAM_END && state_.avail_in > 0) fail("are followed by something else");
    return {in.size() - state_.avail_in, out.size() - state_.avail_out, result == LZMA_STREAM_END};
  }

  lzma_stream state_ = LZMA_STREAM_INIT;
};

}  // namespace

std::unique_ptr<FillingStream> xz_stream(std::unique_ptr<ByteStream> stream,
                                         const std::string& description) {
  return std::make_unique<XzStream>(std::move(stream), description);
}

}  // namespace dboot
