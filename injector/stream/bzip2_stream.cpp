#include "injector/stream/bzip2_stream.hpp"

#include <bzlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "injector/stream/codec_stream.hpp"

namespace dboot {
namespace {

class Bzip2Stream : public CodecStream {
 public:
  Bzip2Stream(std::unique_ptr<ByteStream> stream, const std::string& description)
      : CodecStream(std::move(stream), "bzip2", description) {
    begin_unit();
  }
  ~Bzip2Stream() override { ::BZ2_bzDecompressEnd(&state_); }
  Bzip2Stream(const Bzip2Stream&) = delete;
  Bzip2Stream& operator=(const Bzip2Stream&) = delete;

 private:
  void begin_unit() {
    ended_ = false;
    state_ = {};
    if (::BZ2_bzDecompressInit(&state_, 0, 0) != BZ_OK) throw std::bad_alloc();
  }

  Step step(std::span<const char> in, std::span<char> out) override {
    if (ended_) {
      ::BZ2_bzDecompressEnd(&state_);
      begin_unit();
    }
    const auto given =
        static_cast<unsigned>(std::min<std::size_t>(in.size(), std::numeric_limits<int>::max()));
    const auto room =
        static_cast<unsigned>(std::min<std::size_t>(out.size(), std::numeric_limits<int>::max()));
    state_.next_in = const_cast<char*>(in.data());
    state_.avail_in = given;
    state_.next_out = out.data();
    state_.avail_out = room;
    const int result = ::BZ2_bzDecompress(&state_);
    if (result != BZ_OK && result != BZ_STREAM_END) fail("are damaged");
    ended_ = result == BZ_STREAM_END;
    return {given - state_.avail_in, room - state_.avail_out, ended_};
  }

  bz_stream state_{};
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<FillingStream> bzip2_stream(std::unique_ptr<ByteStream> stream,
                                            const std::string& description) {
  return std::make_unique<Bzip2Stream>(std::move(stream), description);
}

}  // namespace dboot
