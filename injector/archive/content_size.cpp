#include "injector/archive/content_size.hpp"

#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <string>

#include "injector/stream/decompress.hpp"

namespace dboot::image {
namespace {

/// Fewer bytes than asked for where they cannot be read: whoever reads the content reports it.
std::string read_at(int fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

std::uint64_t gzip_size(int fd, std::uint64_t offset, std::uint64_t size) {
  // Beyond this the remainder modulo 4 GiB says little: contents shrink to an eighth and less.
  constexpr std::uint64_t credible = std::uint64_t{1} << 29U;
  const std::string end = size < 18 || size > credible ? "" : read_at(fd, offset + size - 4, 4);
  std::uint64_t result = 0;
  for (auto byte = end.rbegin(); byte != end.rend(); ++byte)
    result = result << 8U | static_cast<unsigned char>(*byte);
  return result;
}

std::uint64_t zstd_size(const std::string& begin) {
  const auto result = ::ZSTD_getFrameContentSize(begin.data(), begin.size());
  if (result == ZSTD_CONTENTSIZE_UNKNOWN || result == ZSTD_CONTENTSIZE_ERROR) return 0;
  // More than any memory; sums of many such claims still fit.
  constexpr std::uint64_t enough = std::uint64_t{1} << 48U;
  return std::min<std::uint64_t>(result, enough);
}

}  // namespace

std::uint64_t content_size(int fd, std::uint64_t offset, std::uint64_t size) {
  constexpr std::size_t longest_header = 18;
  const std::string begin =
      read_at(fd, offset, static_cast<std::size_t>(std::min<std::uint64_t>(size, longest_header)));
  switch (compression_of(begin)) {
    case Compression::gzip:
      return std::max(size, gzip_size(fd, offset, size));
    case Compression::zstd:
      return std::max(size, zstd_size(begin));
    default:
      return size;
  }
}

}  // namespace dboot::image
