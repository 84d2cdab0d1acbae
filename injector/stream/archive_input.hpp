#pragma once

#include <exception>
#include <memory>
#include <string>

#include "injector/stream/byte_stream.hpp"

struct archive;

namespace dboot {

/// A reader of libarchive's that reads from a stream.
class ArchiveInput {
 public:
  /// For what follows; `description` is for messages. Throws std::bad_alloc.
  ArchiveInput(ByteStream& stream, std::string description);
  ~ArchiveInput();
  ArchiveInput(const ArchiveInput&) = delete;
  ArchiveInput& operator=(const ArchiveInput&) = delete;

  /// For what libarchive is asked. Formats and filters are to be chosen before open().
  archive* reader() const noexcept { return reader_; }

  /// Begins to read. Throws as check() does.
  void open();

  /// Returns what a call of libarchive's has returned. When it is a failure, throws what the stream
  /// has thrown, or else as check_result() does.
  int check(int result);

 private:
  ByteStream& stream_;
  std::string description_;
  archive* reader_;
  std::exception_ptr failure_;
};

/// Throws Damage with libarchive's reason where `result` is a failure or a warning: what it only
/// warns of, such as a damaged header that it leaves out, is damage to us.
void check_result(archive* reader, int result, const std::string& description);

}  // namespace dboot
