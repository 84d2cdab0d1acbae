#pragma once

#include <memory>

struct archive;

namespace dboot::image {

struct ArchiveDeleter {
  void operator()(archive* reader) const noexcept;
};
using ArchiveReader = std::unique_ptr<archive, ArchiveDeleter>;

/// A libarchive reader for tar in all its dialects, compressed in any way that needs no other
/// program. To be opened by the caller. Throws std::bad_alloc.
ArchiveReader new_archive_reader();

}  // namespace dboot::image
