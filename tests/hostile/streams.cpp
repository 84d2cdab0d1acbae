#include <archive.h>

#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/oci_layout.hpp"
#include "tests/hostile/raw_tar.hpp"
#include "tests/support/byte_streams.hpp"
#include "tests/support/tar_builder.hpp"

namespace dboot::hostile {
namespace {

/// A file of a GiB of zeros in a few KiB: one compressed MiB after the other.
std::function<std::string(const Place&)> bomb(int filter) {
  return [filter](const Place& place) {
    constexpr std::size_t count = 1024;
    RawTar head = system();
    head.pax({{"size", std::to_string(count << 20U)}}).file("bomb", "");
    std::string image = compressed(filter, head.unfinished());
    const std::string piece = compressed(filter, std::string(1U << 20U, '\0'));
    for (std::size_t i = 0; i < count; ++i) image += piece;
    return place.file("image.tar", image);
  };
}

template <class Spoil>
std::function<std::string(const Place&)> spoilt(int filter, Spoil spoil) {
  return [=](const Place& place) {
    const std::string tar = system().file("f", std::string(100'000, 'x')).finish();
    return place.file("image.tar", spoil(compressed(filter, tar)));
  };
}

std::string files(int count) {
  RawTar tar = system();
  for (int i = 0; i < count; ++i) tar.file("file" + std::to_string(i), "");
  return tar.finish();
}

}  // namespace

std::vector<HostileImage> streams() {
  const std::vector<std::string> small{"--root-size", "16M"};
  const char* full = "the RAM root is full";
  return {
      {"GzipBomb", bomb(ARCHIVE_FILTER_GZIP), full, small},
      {"ZstdBomb", bomb(ARCHIVE_FILTER_ZSTD), full, small},
      {"XzBomb", bomb(ARCHIVE_FILTER_XZ), full, small},
      {"Bzip2Bomb", bomb(ARCHIVE_FILTER_BZIP2), full, small},
      {"Lz4Bomb", bomb(ARCHIVE_FILTER_LZ4), full, small},
      {"BombOfZerosBehindTheEnd",
       [](const Place& place) {
         std::string image = compressed(ARCHIVE_FILTER_GZIP, system().finish());
         const std::string piece = compressed(ARCHIVE_FILTER_GZIP, std::string(1U << 20U, '\0'));
         for (int i = 0; i < 1024; ++i) image += piece;
         return place.file("image.tar", image);
       },
       "image.tar", small},
      {"BombInABomb",
       [](const Place& place) {
         const std::string inner = compressed(ARCHIVE_FILTER_GZIP, std::string(8U << 20U, '\0'));
         return place.file("image.tar", compressed(ARCHIVE_FILTER_GZIP, inner));
       },
       "image.tar", small},
      {"SizeThatIsKnownToBeTooMuch",
       [](const Place& place) {
         return place.file("image.tar",
                           compressed(ARCHIVE_FILTER_GZIP, std::string(64U << 20U, '\0')));
       },
       "image.tar", small},
      {"EmptyFilesWithoutNumber",
       [](const Place& place) {
         return place.file("image.tar", compressed(ARCHIVE_FILTER_ZSTD, files(20'000)));
       },
       full,
       {"--root-size", "4M"}},
      {"GzipThatEndsEarly",
       spoilt(ARCHIVE_FILTER_GZIP, [](const std::string& b) { return b.substr(0, b.size() / 2); }),
       "image.tar"},
      {"GzipWithoutItsTrailer",
       spoilt(ARCHIVE_FILTER_GZIP, [](const std::string& b) { return b.substr(0, b.size() - 4); }),
       "image.tar"},
      {"GzipWithAWrongChecksum",
       spoilt(ARCHIVE_FILTER_GZIP,
              [](std::string b) {
                b[b.size() - 8] = static_cast<char>(b[b.size() - 8] ^ 1);
                return b;
              }),
       "image.tar"},
      {"GzipWithGarbageBehindIt",
       spoilt(ARCHIVE_FILTER_GZIP, [](const std::string& b) { return b + "garbage"; }),
       "image.tar"},
      {"ZstdThatEndsEarly",
       spoilt(ARCHIVE_FILTER_ZSTD, [](const std::string& b) { return b.substr(0, b.size() - 5); }),
       "image.tar"},
      {"ZstdWithAWindowOfGigabytes",
       [](const Place& place) {
         // A frame header with the largest window that the format knows (RFC 8878, 3.1.1.1.2).
         return place.file("image.tar",
                           std::string("\x28\xb5\x2f\xfd\x00\xff", 6) + std::string(1000, '\0'));
       },
       "image.tar"},
      {"XzThatEndsEarly",
       spoilt(ARCHIVE_FILTER_XZ, [](const std::string& b) { return b.substr(0, b.size() - 30); }),
       "image.tar"},
      {"XzWithADictionaryOfGigabytes",
       spoilt(ARCHIVE_FILTER_XZ,
              [](std::string b) {
                b[16] = 40;  // LZMA2's dictionary size; and the header's CRC is wrong now
                return b;
              }),
       "image.tar"},
      {"Bzip2WithAWrongChecksum",
       spoilt(ARCHIVE_FILTER_BZIP2,
              [](std::string b) {
                b[12] = static_cast<char>(b[12] ^ 1);
                return b;
              }),
       "image.tar"},
      {"Lz4ThatEndsEarly",
       spoilt(ARCHIVE_FILTER_LZ4, [](const std::string& b) { return b.substr(0, b.size() / 2); }),
       "image.tar"},
      {"CompressedLayerThatEndsEarly",
       [](const Place& place) {
         const std::string tar = compressed(ARCHIVE_FILTER_GZIP, system().finish());
         return OciLayout(place).layer(tar.substr(0, tar.size() - 9)).finish();
       },
       "layer sha256:"},
  };
}

}  // namespace dboot::hostile
