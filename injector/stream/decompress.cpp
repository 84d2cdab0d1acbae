#include "injector/stream/decompress.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "injector/stream/bzip2_stream.hpp"
#include "injector/stream/filling_stream.hpp"
#include "injector/stream/gzip_stream.hpp"
#include "injector/stream/lz4_legacy_stream.hpp"
#include "injector/stream/lz4_stream.hpp"
#include "injector/stream/read_ahead.hpp"
#include "injector/stream/xz_stream.hpp"
#include "injector/stream/zstd_stream.hpp"

namespace dboot {
namespace {

using namespace std::string_view_literals;

/// A stream whose begin has been looked at.
class Begun : public FillingStream {
 public:
  explicit Begun(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)), filling_(dynamic_cast<FillingStream*>(stream_.get())) {}

  /// The first bytes, at least `count` of them where there are as many.
  std::string_view peek(std::size_t count) {
    if (rest_.empty()) rest_ = stream_->next();
    if (rest_.size() < count) {
      std::string copy(rest_.begin(), rest_.end());
      while (copy.size() < count && !(rest_ = stream_->next()).empty())
        copy.append(rest_.begin(), rest_.end());
      copy_ = std::move(copy);
      rest_ = copy_;
    }
    return {rest_.data(), rest_.size()};
  }

  /// Goes past as many bytes, or to the end.
  void drop(std::uint64_t count) {
    for (;;) {
      const auto part = std::min<std::uint64_t>(count, rest_.size());
      rest_ = rest_.subspan(part);
      count -= part;
      if (count == 0) return;
      rest_ = stream_->next();
      if (rest_.empty()) return;
    }
  }

  std::size_t fill(std::span<char> space) override {
    if (rest_.empty() && filling_ != nullptr) return filling_->fill(space);
    if (rest_.empty()) rest_ = stream_->next();
    const auto part = rest_.first(std::min(rest_.size(), space.size()));
    std::ranges::copy(part, space.begin());
    rest_ = rest_.subspan(part.size());
    return part.size();
  }

 private:
  std::unique_ptr<ByteStream> stream_;
  FillingStream* filling_;
  std::span<const char> rest_;
  std::string copy_;
};

std::unique_ptr<ByteStream> decompress_from(Compression compression,
                                            std::unique_ptr<ByteStream> stream,
                                            const std::string& description) {
  switch (compression) {
    case Compression::gzip:
      return gzip_stream(std::move(stream), description);
    case Compression::zstd:
      return zstd_stream(std::move(stream), description);
    case Compression::xz:
    case Compression::lzma:
      return xz_stream(std::move(stream), description);
    case Compression::bzip2:
      return bzip2_stream(std::move(stream), description);
    case Compression::lz4:
      return lz4_stream(std::move(stream), description);
    case Compression::lz4_legacy:
      return lz4_legacy_stream(std::move(stream), description);
    case Compression::none:
      break;
  }
  return stream;
}

/// lzma's own format has no magic: properties as everybody sets them, and a size of dictionary that
/// is a power of two, or half more (lzma-file-format.txt in XZ Utils).
bool is_lzma(std::string_view begin) {
  if (begin.size() < 13 || !begin.starts_with("\x5d\0\0"sv)) return false;
  const auto low = static_cast<unsigned char>(begin[3]);
  const auto high = static_cast<unsigned char>(begin[4]);
  const unsigned size = low | static_cast<unsigned>(high) << 8U;
  const unsigned lowest = size & (~size + 1);
  return size != 0 && (size == lowest || size == lowest * 3);
}

/// RFC 8878, 3.1.2: pzstd writes one first, and lz4 has them, too.
bool is_skippable(std::string_view begin) {
  return begin.size() >= 8 && (begin[0] & '\xf0') == '\x50' &&
         begin.substr(1, 3) == "\x2a\x4d\x18"sv;
}

/// What is behind the skippable frames in front. Where there is nothing else, they are zstd's.
Compression compression_after_skipping(Begun& begun) {
  constexpr std::size_t header = 8;
  auto begin = begun.peek(compression_magic);
  const bool has_frames = is_skippable(begin);
  while (is_skippable(begin)) {
    std::uint64_t size = 0;
    for (std::size_t at = header; at-- > 4;)
      size = size << 8U | static_cast<unsigned char>(begin[at]);
    begun.drop(header + size);
    begin = begun.peek(compression_magic);
  }
  return has_frames && begin.empty() ? Compression::zstd : compression_of(begin);
}

}  // namespace

Compression compression_of(std::string_view begin) {
  if (begin.starts_with("\x1f\x8b"sv)) return Compression::gzip;
  if (begin.starts_with("\x28\xb5\x2f\xfd"sv) || is_skippable(begin)) return Compression::zstd;
  if (begin.starts_with("\xfd"
                        "7zXZ\0"sv)) {
    return Compression::xz;
  }
  if (begin.size() >= 4 && begin.starts_with("BZh"sv) && begin[3] >= '1' && begin[3] <= '9') {
    return Compression::bzip2;
  }
  if (begin.starts_with("\x04\x22\x4d\x18"sv)) {
    return Compression::lz4;
  }
  if (begin.starts_with("\x02\x21\x4c\x18"sv)) return Compression::lz4_legacy;
  if (is_lzma(begin)) return Compression::lzma;
  return Compression::none;
}

const char* name(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::gzip:
      return "gzip";
    case Compression::zstd:
      return "zstd";
    case Compression::xz:
      return "xz";
    case Compression::lzma:
      return "lzma";
    case Compression::bzip2:
      return "bzip2";
    case Compression::lz4:
    case Compression::lz4_legacy:
      return "lz4";
  }
  return "unknown";
}

std::unique_ptr<ByteStream> decompress(std::unique_ptr<ByteStream> stream,
                                       const std::string& description) {
  auto begun = std::make_unique<Begun>(std::move(stream));
  const Compression compression = compression_after_skipping(*begun);
  return decompress_from(compression, std::move(begun), description);
}

std::unique_ptr<ByteStream> decompress_ahead(std::unique_ptr<ByteStream> stream,
                                             const std::string& description) {
  auto begun = std::make_unique<Begun>(std::move(stream));
  const Compression compression = compression_after_skipping(*begun);
  if (compression == Compression::none) return read_ahead(std::move(begun));
  return read_ahead(decompress_from(compression, read_ahead(std::move(begun)), description));
}

}  // namespace dboot
