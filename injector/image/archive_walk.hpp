#pragma once

#include <sys/types.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "injector/stream/byte_stream.hpp"

struct archive;
struct archive_entry;

namespace dboot::image {

/// The headers of a tar archive, one after the other.
class ArchiveWalk {
 public:
  /// Over the first `size` bytes of a regular file, which must stay open; where it stands does not
  /// matter. Contents are skipped without being read, unless they are compressed. `description` is
  /// for messages. Throws Failure when it is no tar archive.
  ArchiveWalk(int fd, std::uint64_t size, std::string description);
  /// Over a stream, compressed or not.
  ArchiveWalk(std::unique_ptr<ByteStream> stream, std::string description);
  ArchiveWalk(const ArchiveWalk&) = delete;
  ArchiveWalk& operator=(const ArchiveWalk&) = delete;

  /// The next header, valid until the next call; null at the end. Throws Failure.
  archive_entry* next();
  /// The next piece of its content, which has no holes; empty at its end. Throws Failure.
  std::span<const char> block();

  /// Whether positions in the file are positions in the archive.
  bool is_plain() const noexcept { return !stream_; }
  /// Where the content begins; for an archive that is plain.
  std::uint64_t offset() const;

 private:
  struct Deleter {
    void operator()(archive* reader) const noexcept;
  };

  void open();
  int check(int result);
  std::span<const char> read();
  static ssize_t read_callback(archive* reader, void* self, const void** bytes);
  static std::int64_t skip_callback(archive* reader, void* self, std::int64_t count);

  std::string description_;
  std::unique_ptr<ByteStream> stream_;  ///< decompressed; null where the file is plain
  int fd_ = -1;
  std::uint64_t position_ = 0;
  std::uint64_t end_ = 0;
  std::vector<char> buffer_;
  std::unique_ptr<archive, Deleter> reader_;
  std::exception_ptr failure_;
};

}  // namespace dboot::image
