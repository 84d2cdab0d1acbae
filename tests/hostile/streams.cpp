#include <archive.h>

#include <cstring>

#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/oci_layout.hpp"
#include "tests/hostile/raw_tar.hpp"
#include "tests/support/tar_builder.hpp"

namespace dboot::hostile {
namespace {

std::string compressed(const std::string& bytes, int filter) {
  std::string result;
  archive* writer = ::archive_write_new();
  ::archive_write_set_format_raw(writer);
  ::archive_write_add_filter(writer, filter);
  ::archive_write_set_bytes_in_last_block(writer, 1);
  ::archive_write_open2(
      writer, &result, nullptr,
      [](archive*, void* out, const void* data, std::size_t size) {
        static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr, nullptr);
  archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_pathname(entry, "data");
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ::archive_write_header(writer, entry);
  ::archive_write_data(writer, bytes.data(), bytes.size());
  ::archive_entry_free(entry);
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  return result;
}

/// A file of a GiB of zeros in a few KiB: one compressed MiB after the other.
std::function<std::string(const Place&)> bomb(int filter) {
  return [filter](const Place& place) {
    constexpr std::size_t count = 1024;
    RawTar head = system();
    head.pax({{"size", std::to_string(count << 20U)}}).file("bomb", "");
    std::string image = compressed(head.unfinished(), filter);
    const std::string piece = compressed(std::string(1U << 20U, '\0'), filter);
    for (std::size_t i = 0; i < count; ++i) image += piece;
    return place.file("image.tar", image);
  };
}

template <class Spoil>
std::function<std::string(const Place&)> spoilt(int filter, Spoil spoil) {
  return [=](const Place& place) {
    const std::string tar = system().file("f", std::string(100'000, 'x')).finish();
    return place.file("image.tar", spoil(compressed(tar, filter)));
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
         std::string image = compressed(system().finish(), ARCHIVE_FILTER_GZIP);
         const std::string piece = compressed(std::string(1U << 20U, '\0'), ARCHIVE_FILTER_GZIP);
         for (int i = 0; i < 1024; ++i) image += piece;
         return place.file("image.tar", image);
       },
       "image.tar", small},
      {"BombInABomb",
       [](const Place& place) {
         const std::string inner = compressed(std::string(8U << 20U, '\0'), ARCHIVE_FILTER_GZIP);
         return place.file("image.tar", compressed(inner, ARCHIVE_FILTER_GZIP));
       },
       "image.tar", small},
      {"SizeThatIsKnownToBeTooMuch",
       [](const Place& place) {
         return place.file("image.tar",
                           compressed(std::string(64U << 20U, '\0'), ARCHIVE_FILTER_GZIP));
       },
       "image.tar", small},
      {"EmptyFilesWithoutNumber",
       [](const Place& place) {
         return place.file("image.tar", compressed(files(20'000), ARCHIVE_FILTER_ZSTD));
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
         const std::string tar = compressed(system().finish(), ARCHIVE_FILTER_GZIP);
         return OciLayout(place).layer(tar.substr(0, tar.size() - 9)).finish();
       },
       "layer sha256:"},
  };
}

}  // namespace dboot::hostile
