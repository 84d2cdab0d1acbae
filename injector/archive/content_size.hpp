#pragma once

#include <cstdint>

namespace dboot::image {

/// How many bytes `size` bytes of a file from `offset` on are when they are decompressed, as far as
/// they say so themselves: gzip at its end (RFC 1952, ISIZE: modulo 4 GiB, and of the last member
/// only), zstd at its begin (RFC 8878, Frame_Content_Size), the others not at all. Where that is
/// not known, `size`. A guess for the preflight, and nothing to rely on.
std::uint64_t content_size(int fd, std::uint64_t offset, std::uint64_t size);

}  // namespace dboot::image
