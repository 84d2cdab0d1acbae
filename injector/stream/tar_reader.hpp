#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "injector/stream/byte_stream.hpp"

struct archive;
struct archive_entry;

namespace dboot {

/// A tar archive, one header after the other, as libarchive reads it.
class TarReader {
 public:
  /// Whether a stream without a byte is an archive without an entry.
  enum class Empty : bool { is_damage, is_allowed };

  /// `stream` is not compressed; `description` is for messages. Throws as next() does.
  TarReader(std::unique_ptr<ByteStream> stream, std::string description,
            Empty empty = Empty::is_damage);
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  /// The next header, valid until the next call; null at the end. Throws Damage with libarchive's
  /// reason, also for what it only warns of, such as a damaged header that it leaves out, and what
  /// the stream throws.
  archive_entry* next();

  /// Bytes of a file, and where they lie in it. What lies between two blocks is a hole.
  struct Block {
    std::span<const char> bytes;
    std::uint64_t offset = 0;
  };
  /// The next of the entry's content, valid until the next call; none at its end. Throws as next().
  std::optional<Block> block();

  /// Where in the stream the entry's content begins; to be called before block().
  std::uint64_t offset() const;

  /// Reads what follows the last entry, so that the stream has checked all of it. Throws as the
  /// stream does.
  void finish();

 private:
  struct Deleter {
    void operator()(archive* reader) const noexcept;
  };

  int check(int result);

  std::string description_;
  std::unique_ptr<ByteStream> stream_;
  std::exception_ptr failure_;
  std::unique_ptr<archive, Deleter> reader_;
};

}  // namespace dboot
