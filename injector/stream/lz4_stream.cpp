#include "injector/stream/lz4_stream.hpp"

#include <lz4frame.h>

#include <new>
#include <string>
#include <utility>

#include "injector/stream/codec_stream.hpp"

namespace dboot {
namespace {

struct ContextDeleter {
  void operator()(LZ4F_dctx* context) const noexcept { ::LZ4F_freeDecompressionContext(context); }
};

class Lz4Stream : public CodecStream {
 public:
  Lz4Stream(std::unique_ptr<ByteStream> stream, const std::string& description)
      : CodecStream(std::move(stream), "lz4", description) {
    LZ4F_dctx* context = nullptr;
    const auto result = ::LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    if (::LZ4F_isError(result) != 0) throw std::bad_alloc();
    context_.reset(context);
  }

 private:
  Step step(std::span<const char> in, std::span<char> out) override {
    std::size_t taken = in.size();
    std::size_t made = out.size();
    const std::size_t result =
        ::LZ4F_decompress(context_.get(), out.data(), &made, in.data(), &taken, nullptr);
    if (::LZ4F_isError(result) != 0) {
      fail(std::string("are damaged: ") + ::LZ4F_getErrorName(result));
    }
    return {taken, made, result == 0};
  }

  std::unique_ptr<LZ4F_dctx, ContextDeleter> context_;
};

}  // namespace

std::unique_ptr<FillingStream> lz4_stream(std::unique_ptr<ByteStream> stream,
                                          const std::string& description) {
  return std::make_unique<Lz4Stream>(std::move(stream), description);
}

}  // namespace dboot
