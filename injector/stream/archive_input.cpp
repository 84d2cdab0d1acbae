#include "injector/stream/archive_input.hpp"

#include <archive.h>

#include <cerrno>
#include <new>
#include <utility>

#include "injector/stream/damage.hpp"

namespace dboot {

ArchiveInput::ArchiveInput(ByteStream& stream, std::string description)
    : stream_(stream), description_(std::move(description)), reader_(::archive_read_new()) {
  if (reader_ == nullptr) throw std::bad_alloc();
}

ArchiveInput::~ArchiveInput() {
  ::archive_read_free(reader_);
}

void ArchiveInput::open() {
  // An exception cannot pass through libarchive, which is C: it is kept.
  const auto read = [](archive* reader, void* self, const void** bytes) -> la_ssize_t {
    auto& input = *static_cast<ArchiveInput*>(self);
    try {
      const auto next = input.stream_.next();
      *bytes = next.data();
      return static_cast<la_ssize_t>(next.size());
    } catch (...) {
      input.failure_ = std::current_exception();
      ::archive_set_error(reader, EIO, "the stream ended");
      return -1;
    }
  };
  check(::archive_read_open(reader_, this, nullptr, read, nullptr));
}

int ArchiveInput::check(int result) {
  // A header whose checksum is wrong is to be skipped, says libarchive; but it was one of ours.
  if (result >= ARCHIVE_WARN && result != ARCHIVE_RETRY) return result;
  if (failure_) std::rethrow_exception(failure_);
  // It keeps no message for some failures.
  const char* reason = ::archive_error_string(reader_);
  throw Damage(description_, reason == nullptr ? "unknown error" : reason);
}

}  // namespace dboot
