#pragma once

#include <memory>
#include <string>

#include "injector/progress.hpp"
#include "injector/stream/byte_stream.hpp"
#include "injector/unpack/entry_writer.hpp"

namespace dboot::rootfs {

/// Whether names that begin with ".wh." hide what lower layers have.
enum class Whiteouts { ordinary_names, hide };

/// An archive of which more is decompressed than the root and its entries' headers could ever take
/// is refused. Otherwise the stream is what decompress() makes of `stream`, in another thread.
std::unique_ptr<ByteStream> open_tar(std::unique_ptr<ByteStream> stream, int root_fd,
                                     const std::string& description);

/// Writes all entries of a tar archive, and reads it to its end. Throws Failure with the
/// entry that it has come to; `description` is the archive's.
void extract(std::unique_ptr<ByteStream> stream, EntryWriter& writer, Whiteouts whiteouts,
             int root_fd, Progress& progress, const std::string& description);

}  // namespace dboot::rootfs
