#include "injector/stream/tar_reader.hpp"

#include <archive.h>

#include <cerrno>
#include <new>
#include <utility>

#include "injector/interruption.hpp"
#include "injector/stream/damage.hpp"

namespace dboot {

void TarReader::Deleter::operator()(archive* reader) const noexcept {
  ::archive_read_free(reader);
}

TarReader::TarReader(std::unique_ptr<ByteStream> stream, std::string description, Empty empty)
    : description_(std::move(description)),
      stream_(std::move(stream)),
      reader_(::archive_read_new()) {
  if (!reader_) throw std::bad_alloc();
  check(::archive_read_support_format_tar(reader_.get()));
  if (empty == Empty::is_allowed) check(::archive_read_support_format_empty(reader_.get()));
  const auto read = [](archive* reader, void* self, const void** bytes) -> la_ssize_t {
    auto& tar = *static_cast<TarReader*>(self);
    // An exception cannot pass through libarchive, which is C: it is kept until check().
    try {
      const auto next = tar.stream_->next();
      *bytes = next.data();
      return static_cast<la_ssize_t>(next.size());
    } catch (...) {
      tar.failure_ = std::current_exception();
      ::archive_set_error(reader, EIO, "the stream ended");
      return -1;
    }
  };
  const auto skip = [](archive* /*reader*/, void* self, la_int64_t most) -> la_int64_t {
    const auto& tar = *static_cast<TarReader*>(self);
    return static_cast<la_int64_t>(tar.stream_->skip(static_cast<std::uint64_t>(most)));
  };
  check(::archive_read_open2(reader_.get(), this, nullptr, read, skip, nullptr));
}

int TarReader::check(int result) {
  if (result == ARCHIVE_OK) return result;
  if (failure_) std::rethrow_exception(failure_);
  if (result == ARCHIVE_EOF) return result;
  // It keeps no message for some failures.
  const char* text = ::archive_error_string(reader_.get());
  const std::string reason = text == nullptr ? "unknown error" : text;
  // The one warning that means nothing: names are bytes, whatever this locale makes of them.
  if (result == ARCHIVE_WARN && reason.find("can't be converted") != std::string::npos)
    return result;
  throw Damage(description_, reason);
}

archive_entry* TarReader::next() {
  archive_entry* entry = nullptr;
  return check(::archive_read_next_header(reader_.get(), &entry)) == ARCHIVE_EOF ? nullptr : entry;
}

std::optional<TarReader::Block> TarReader::block() {
  const void* bytes = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (size == 0) {
    if (check(::archive_read_data_block(reader_.get(), &bytes, &size, &offset)) == ARCHIVE_EOF)
      return std::nullopt;
  }
  return Block{{static_cast<const char*>(bytes), size}, static_cast<std::uint64_t>(offset)};
}

std::uint64_t TarReader::offset() const {
  // The client's count, which with no filter in between is that of what the format has taken.
  return static_cast<std::uint64_t>(::archive_filter_bytes(reader_.get(), 0));
}

void TarReader::finish() {
  while (!stream_->next().empty()) interruption::check();
}

}  // namespace dboot
