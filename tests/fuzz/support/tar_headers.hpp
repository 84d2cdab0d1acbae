#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace dboot::fuzz {

/// With the checksum that belongs to it in everything that looks like a header of a tar archive, or
/// else it keeps every change of one out.
inline std::string with_checksums(std::string_view input) {
  constexpr std::size_t block = 512, magic_at = 257, checksum_at = 148, checksum_size = 8;
  std::string tar(input);
  for (std::size_t at = 0; at + block <= tar.size(); at += block) {
    if (std::string_view(tar).substr(at + magic_at, 5) != "ustar") continue;
    tar.replace(at + checksum_at, checksum_size, checksum_size, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < block; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    char text[checksum_size];
    std::snprintf(text, sizeof text, "%06o", sum);
    tar.replace(at + checksum_at, 7, text, 7);
  }
  return tar;
}

}  // namespace dboot::fuzz
