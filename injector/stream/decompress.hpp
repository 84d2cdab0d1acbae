#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "injector/stream/byte_stream.hpp"

namespace dboot {

enum class Compression { none, gzip, zstd, xz, lzma, bzip2, lz4, lz4_legacy };

/// How many bytes compression_of() likes to see.
inline constexpr std::size_t compression_magic = 13;

/// How something is compressed that begins like this. Skippable frames, which zstd and lz4 have
/// alike, count as zstd's.
Compression compression_of(std::string_view begin);
/// For messages: "gzip".
const char* name(Compression compression);

/// What was compressed, or the stream itself when its first bytes are no compression's. Checksums
/// are checked, and nothing may follow but zeros where the format knows them. Throws Damage;
/// `description` is the stream's, for that.
std::unique_ptr<ByteStream> decompress(std::unique_ptr<ByteStream> stream,
                                       const std::string& description);

/// The same by other threads: one reads (and checks digests, where the stream does), another one
/// decompresses; see read_ahead(). The begin is read before this returns.
std::unique_ptr<ByteStream> decompress_ahead(std::unique_ptr<ByteStream> stream,
                                             const std::string& description);

}  // namespace dboot
