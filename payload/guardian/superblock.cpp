#include "payload/guardian/superblock.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace dboot::guardian {
namespace {

struct Format {
  std::string_view kind;
  std::size_t magic_at;
  std::string_view magic;
  std::size_t id_at;
  std::size_t id_size;  ///< 0: nothing in it lasts
};

using namespace std::string_view_literals;

/// Where each says what it is, as their headers have it: ext4.h, xfs_format.h, btrfs_tree.h,
/// f2fs_fs.h, md_p.h (minor versions 2 and 1), swap.h; LVM2's label.h; the LUKS specifications;
/// Microsoft's FAT specification.
constexpr std::array<Format, 14> formats{{
    {"ext", 0x438, "\x53\xef"sv, 0x468, 16},
    {"xfs", 0, "XFSB"sv, 32, 16},
    {"btrfs", 0x10040, "_BHRfS_M"sv, 0x10020, 16},
    {"f2fs", 0x400, "\x10\x20\xf5\xf2"sv, 0x46c, 16},
    {"luks", 0, "LUKS\xba\xbe"sv, 168, 40},
    {"lvm", 512, "LABELONE"sv, 544, 32},
    {"md", 4096, "\xfc\x4e\x2b\xa9"sv, 4112, 16},
    {"md", 0, "\xfc\x4e\x2b\xa9"sv, 16, 16},
    {"fat", 82, "FAT32   "sv, 67, 4},
    {"fat", 54, "FAT1"sv, 39, 4},
    {"ntfs", 3, "NTFS    "sv, 72, 8},
    {"exfat", 3, "EXFAT   "sv, 100, 4},
    // Of pages of 4 and of 64 KiB.
    {"swap", 4086, "SWAPSPACE2"sv, 0, 0},
    {"swap", 65526, "SWAPSPACE2"sv, 0, 0},
}};

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 0xfU];
  }
  return text;
}

}  // namespace

std::string superblock_of(std::span<const std::uint8_t> begin) {
  for (const auto& format : formats) {
    const auto& magic = format.magic;
    if (begin.size() < std::max(format.magic_at + magic.size(), format.id_at + format.id_size))
      continue;
    const auto there = begin.subspan(format.magic_at, magic.size());
    const bool is_it = std::equal(
        there.begin(), there.end(), magic.begin(),
        [](std::uint8_t byte, char letter) { return byte == static_cast<std::uint8_t>(letter); });
    if (!is_it) continue;
    std::string text(format.kind);
    if (format.id_size != 0) text += ' ' + hexadecimal(begin.subspan(format.id_at, format.id_size));
    return text;
  }
  return "";
}

}  // namespace dboot::guardian
