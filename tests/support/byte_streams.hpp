#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "injector/stream/byte_stream.hpp"

namespace dboot {

/// Bytes from memory, `piece` of them at a time.
class Pieces : public ByteStream {
 public:
  explicit Pieces(std::string bytes, std::size_t piece = 1U << 20U)
      : bytes_(std::move(bytes)), piece_(piece) {}

  std::span<const char> next() override {
    const std::span<const char> rest = std::span<const char>(bytes_).subspan(at_);
    const auto piece = rest.first(std::min(piece_, rest.size()));
    at_ += piece.size();
    return piece;
  }

 private:
  std::string bytes_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

inline std::string read_all(ByteStream& stream) {
  std::string all;
  for (auto bytes = stream.next(); !bytes.empty(); bytes = stream.next()) {
    all.append(bytes.begin(), bytes.end());
  }
  return all;
}

/// `bytes` through one of libarchive's ARCHIVE_FILTER_….
inline std::string compressed(int filter, const std::string& bytes) {
  std::string out;
  archive* writer = ::archive_write_new();
  ::archive_write_set_format_raw(writer);
  ::archive_write_add_filter(writer, filter);
  ::archive_write_set_bytes_in_last_block(writer, 1);
  ::archive_write_open2(
      writer, &out, nullptr,
      [](archive*, void* self, const void* data, std::size_t size) {
        static_cast<std::string*>(self)->append(static_cast<const char*>(data), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr, nullptr);
  archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ::archive_write_header(writer, entry);
  ::archive_write_data(writer, bytes.data(), bytes.size());
  ::archive_entry_free(entry);
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  return out;
}

}  // namespace dboot
