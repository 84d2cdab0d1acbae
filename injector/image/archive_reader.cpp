#include "injector/image/archive_reader.hpp"

#include <archive.h>

#include <new>

namespace dboot::image {

void ArchiveDeleter::operator()(archive* reader) const noexcept {
  ::archive_read_free(reader);
}

ArchiveReader new_archive_reader() {
  ArchiveReader reader(::archive_read_new());
  if (!reader) throw std::bad_alloc();
  ::archive_read_support_format_tar(reader.get());
  // Not archive_read_support_filter_all: that one starts programs (lrzip, grzip, lzop).
  ::archive_read_support_filter_gzip(reader.get());
  ::archive_read_support_filter_bzip2(reader.get());
  ::archive_read_support_filter_xz(reader.get());
  ::archive_read_support_filter_lzma(reader.get());
  ::archive_read_support_filter_zstd(reader.get());
  ::archive_read_support_filter_lz4(reader.get());
  ::archive_read_support_filter_compress(reader.get());
  return reader;
}

}  // namespace dboot::image
