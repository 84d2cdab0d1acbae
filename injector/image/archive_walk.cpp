#include "injector/image/archive_walk.hpp"

#include <archive.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "injector/interruption.hpp"
#include "injector/stream/archive_input.hpp"
#include "injector/stream/decompress.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

/// Between two headers there is content that nobody reads.
constexpr std::size_t block_size = std::size_t{1} << 16U;

bool is_compressed(int fd, std::uint64_t size, const std::string& description) {
  std::string begin(compression_magic, '\0');
  const std::size_t most = std::min<std::uint64_t>(begin.size(), size);
  const ssize_t count = sys::check(::pread(fd, begin.data(), most, 0), "read ", description);
  begin.resize(static_cast<std::size_t>(count));
  return compression_of(begin) != Compression::none;
}

}  // namespace

void ArchiveWalk::Deleter::operator()(archive* reader) const noexcept {
  ::archive_read_free(reader);
}

ArchiveWalk::ArchiveWalk(int fd, std::uint64_t size, std::string description)
    : description_(std::move(description)), fd_(fd), end_(size) {
  if (is_compressed(fd, size, description_))
    stream_ = decompress(file_stream(fd, 0, size, description_), description_);
  open();
}

ArchiveWalk::ArchiveWalk(std::unique_ptr<ByteStream> stream, std::string description)
    : description_(std::move(description)), stream_(decompress(std::move(stream), description_)) {
  open();
}

void ArchiveWalk::open() {
  reader_.reset(::archive_read_new());
  if (!reader_) throw std::bad_alloc();
  check(::archive_read_support_format_tar(reader_.get()));
  check(::archive_read_open2(reader_.get(), this, nullptr, &ArchiveWalk::read_callback,
                             is_plain() ? &ArchiveWalk::skip_callback : nullptr, nullptr));
}

std::span<const char> ArchiveWalk::read() {
  if (stream_) return stream_->next();
  interruption::check();
  buffer_.resize(block_size);
  const std::size_t most = std::min<std::uint64_t>(buffer_.size(), end_ - position_);
  const ssize_t count = sys::check(
      ::pread(fd_, buffer_.data(), most, static_cast<off_t>(position_)), "read ", description_);
  position_ += static_cast<std::uint64_t>(count);
  return std::span(buffer_).first(static_cast<std::size_t>(count));
}

ssize_t ArchiveWalk::read_callback(archive* reader, void* self, const void** bytes) {
  auto& walk = *static_cast<ArchiveWalk*>(self);
  try {
    // An exception cannot pass through libarchive, which is C: it is kept.
    const auto block = walk.read();
    *bytes = block.data();
    return static_cast<ssize_t>(block.size());
  } catch (...) {
    walk.failure_ = std::current_exception();
    ::archive_set_error(reader, EIO, "the stream ended");
    return -1;
  }
}

std::int64_t ArchiveWalk::skip_callback(archive* /*reader*/, void* self, std::int64_t count) {
  auto& walk = *static_cast<ArchiveWalk*>(self);
  const auto skipped = std::min(static_cast<std::uint64_t>(count), walk.end_ - walk.position_);
  walk.position_ += skipped;
  return static_cast<std::int64_t>(skipped);
}

int ArchiveWalk::check(int result) {
  if (failure_ && result != ARCHIVE_OK) std::rethrow_exception(failure_);
  check_result(reader_.get(), result, description_);
  return result;
}

archive_entry* ArchiveWalk::next() {
  archive_entry* entry = nullptr;
  return check(::archive_read_next_header(reader_.get(), &entry)) == ARCHIVE_EOF ? nullptr : entry;
}

std::span<const char> ArchiveWalk::block() {
  const void* bytes = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (size == 0) {
    if (check(::archive_read_data_block(reader_.get(), &bytes, &size, &offset)) == ARCHIVE_EOF)
      return {};
  }
  return {static_cast<const char*>(bytes), size};
}

std::uint64_t ArchiveWalk::offset() const {
  // The client's count, which with no filter in between is that of what the format has taken.
  return static_cast<std::uint64_t>(::archive_filter_bytes(reader_.get(), 0));
}

}  // namespace dboot::image
