#include "injector/archive/other_formats.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "injector/stream/decompress.hpp"

namespace dboot::image {
namespace {

using namespace std::string_view_literals;

constexpr const char* mount_it =
    "mount it (mount -o loop,ro FILE DIRECTORY), and name dir:DIRECTORY";
constexpr const char* convert_it =
    "make it a raw image (qemu-img convert -O raw), mount its partition, and name dir:DIRECTORY";
constexpr const char* unpack_it = "unpack it, and name dir:DIRECTORY";
constexpr const char* bsdtar_it = "make it a tar archive: bsdtar -cf - @FILE | dboot-inject -";
constexpr const char* decompress_it = "decompress it before: PROGRAM -dc FILE | dboot-inject -";

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  const char* what;
  const char* mend;
};

/// As file(1) knows them.
constexpr std::array<Magic, 27> magics{{
    {0, "PK\x03\x04"sv, "a zip archive", unpack_it},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive", unpack_it},
    {0, "Rar!"sv, "a rar archive", unpack_it},
    {0, "070701"sv, "a cpio archive", bsdtar_it},
    {0, "070702"sv, "a cpio archive", bsdtar_it},
    {0, "070707"sv, "a cpio archive", bsdtar_it},
    {0, "\xc7\x71"sv, "a cpio archive", bsdtar_it},
    {0, "!<arch>\n"sv, "an ar archive, as Debian's packages are", unpack_it},
    {0, "\xed\xab\xee\xdb"sv, "an rpm package", unpack_it},
    {0,
     "\x7f"
     "ELF"sv,
     "a program", "name an image before it: dboot-inject IMAGE -- COMMAND"},
    {0, "hsqs"sv, "a squashfs", "unsquashfs -d DIRECTORY FILE, and name dir:DIRECTORY"},
    {0, "QFI\xfb"sv, "a disk image (qcow2)", convert_it},
    {0, "KDMV"sv, "a disk image (vmdk)", convert_it},
    {0, "vhdxfile"sv, "a disk image (vhdx)", convert_it},
    {0, "conectix"sv, "a disk image (vhd)", convert_it},
    {0x40, "\x7f\x10\xda\xbe"sv, "a disk image (vdi)", convert_it},
    {0, "XFSB"sv, "an xfs filesystem", mount_it},
    {0, "LZIP"sv, "compressed with lzip", decompress_it},
    {0, "LRZI"sv, "compressed with lrzip", decompress_it},
    {0, "\x1f\x9d"sv, "compressed with compress", decompress_it},
    {0, "%PDF-"sv, "a PDF", "name an archive"},
    {512, "EFI PART"sv, "a disk image with partitions",
     "mount its partition (losetup -P), and name dir:DIRECTORY"},
    {32769, "CD001"sv, "an ISO 9660 image", mount_it},
    {1080, "\x53\xef"sv, "an ext2, ext3 or ext4 filesystem", mount_it},
    {3, "NTFS"sv, "an NTFS filesystem", mount_it},
    {0xe0, "\xe2\xe1\xf5\xe0"sv, "an erofs filesystem", mount_it},
    {0x400, "\xe2\xe1\xf5\xe0"sv, "an erofs filesystem", mount_it},
}};

bool has(std::string_view begin, std::size_t offset, std::string_view bytes) {
  return begin.size() >= offset && begin.substr(offset).starts_with(bytes);
}

/// POSIX, "ustar Interchange Format": the sum of a header's bytes, its own field as blanks. The
/// formats before it have it too.
bool is_tar_header(std::string_view begin) {
  constexpr std::size_t header = 512;
  constexpr std::size_t field = 148;
  constexpr std::size_t field_end = 156;
  if (begin.size() < header) return false;
  long sum = 0;
  long signed_sum = 0;
  for (std::size_t i = 0; i < header; ++i) {
    const char letter = i >= field && i < field_end ? ' ' : begin[i];
    sum += static_cast<unsigned char>(letter);
    signed_sum += static_cast<signed char>(letter);
  }
  long stored = 0;
  for (const char letter : begin.substr(field, field_end - field)) {
    if (letter >= '0' && letter <= '7') stored = stored * 8 + (letter - '0');
    if (letter == '\0') break;
  }
  return stored == sum || stored == signed_sum;
}

bool is_text(std::string_view begin) {
  return std::all_of(begin.begin(), begin.end(), [](unsigned char letter) {
    return letter >= 0x80 || std::isprint(letter) != 0 || std::isspace(letter) != 0 ||
           letter == '\x1b';
  });
}

/// The first that has letters in it.
std::string first_line(std::string_view text) {
  constexpr std::size_t most = 120;
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const auto line = text.substr(0, text.find_first_of("\r\n"));
  return std::string(line.substr(0, most)) + (line.size() > most ? "…" : "");
}

class Begun : public ByteStream {
 public:
  Begun(std::string begin, std::unique_ptr<ByteStream> rest)
      : begin_(std::move(begin)), rest_(std::move(rest)) {}

  std::span<const char> next() override {
    if (taken_ == begin_.size()) return rest_->next();
    return std::span<const char>(begin_).subspan(std::exchange(taken_, begin_.size()));
  }
  std::uint64_t skip(std::uint64_t most) noexcept override {
    const auto part = std::min<std::uint64_t>(most, begin_.size() - taken_);
    taken_ += part;
    return part == most ? part : part + rest_->skip(most - part);
  }

 private:
  std::string begin_;
  std::size_t taken_ = 0;
  std::unique_ptr<ByteStream> rest_;
};

}  // namespace

std::optional<OtherFormat> other_format(std::string_view begin) {
  if (is_tar_header(begin)) return std::nullopt;
  for (const auto& magic : magics) {
    if (has(begin, magic.offset, magic.bytes)) return OtherFormat{magic.what, magic.mend};
  }
  if (compression_of(begin) != Compression::none)
    return OtherFormat{"compressed twice", "decompress it once before"};
  if (begin.find_first_not_of('\0') == std::string_view::npos) {
    if (begin.size() < begin_of_formats)
      return OtherFormat{"an archive without a file in it", "name one of a root filesystem"};
    return OtherFormat{"no archive: it begins with zeros, as images of disks do",
                       "mount its partition (losetup -P), and name dir:DIRECTORY"};
  }
  if (is_text(begin))
    return OtherFormat{"text: '" + first_line(begin) + "'",
                       "name an archive; if a program has written this, it says what it lacks"};
  if (has(begin, 510, "\x55\xaa"))
    return OtherFormat{"a disk image with partitions",
                       "mount its partition (losetup -P), and name dir:DIRECTORY"};
  return std::nullopt;
}

Failure no_archive(const std::string& description, const Damage& damage) {
  return {description + " is no archive that can be read: " + damage.reason(), damage.mend()};
}

std::unique_ptr<ByteStream> tar_stream(std::unique_ptr<ByteStream> stream,
                                       const std::string& description) {
  std::string begin;
  while (begin.size() < begin_of_formats) {
    const auto bytes = stream->next();
    if (bytes.empty()) break;
    begin.append(bytes.data(), bytes.size());
  }
  if (begin.empty())
    throw Failure(description + " is empty",
                  "name an archive; if a program was to write it, it says what it lacks");
  if (const auto other = other_format(begin))
    throw Failure(description + " is " + other->what, other->mend);
  return std::make_unique<Begun>(std::move(begin), std::move(stream));
}

}  // namespace dboot::image
