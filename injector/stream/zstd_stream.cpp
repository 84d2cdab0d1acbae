#include "injector/stream/zstd_stream.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <new>
#include <utility>

#include "injector/stream/codec_stream.hpp"

namespace dboot {
namespace {

struct ContextDeleter {
  void operator()(ZSTD_DCtx* context) const noexcept { ::ZSTD_freeDCtx(context); }
};

class ZstdStream : public CodecStream {
 public:
  ZstdStream(std::unique_ptr<ByteStream> stream, const std::string& description)
      : CodecStream(std::move(stream), "zstd", description), context_(::ZSTD_createDCtx()) {
    if (!context_) throw std::bad_alloc();
    constexpr int largest_window_log = 27;  // ZSTD_WINDOWLOG_LIMIT_DEFAULT
    ::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, largest_window_log);
  }

 private:
  Step step(std::span<const char> in, std::span<char> out) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t result = ::ZSTD_decompressStream(context_.get(), &output, &input);
    if (::ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
      fail_for_memory("zstd -dc --long=31");
    if (::ZSTD_isError(result) != 0) {
      fail(std::string("are damaged: ") + ::ZSTD_getErrorName(result));
    }
    return {input.pos, output.pos, result == 0};
  }

  std::unique_ptr<ZSTD_DCtx, ContextDeleter> context_;
};

}  // namespace

std::unique_ptr<FillingStream> zstd_stream(std::unique_ptr<ByteStream> stream,
                                           const std::string& description) {
  return std::make_unique<ZstdStream>(std::move(stream), description);
}

}  // namespace dboot
