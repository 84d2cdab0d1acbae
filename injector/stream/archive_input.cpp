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
  if (failure_ && result != ARCHIVE_OK) std::rethrow_exception(failure_);
  check_result(reader_, result, description_);
  return result;
}

void check_result(archive* reader, int result, const std::string& description) {
  if (result == ARCHIVE_OK || result == ARCHIVE_EOF) return;
  // It keeps no message for some failures.
  const char* text = ::archive_error_string(reader);
  const std::string reason = text == nullptr ? "unknown error" : text;
  // The one warning that means nothing: names are bytes, whatever this locale makes of them.
  if (result == ARCHIVE_WARN && reason.find("can't be converted") != std::string::npos) return;
  throw Damage(description, reason);
}

}  // namespace dboot
