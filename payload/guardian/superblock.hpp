#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dboot::guardian {

/// How much of a device superblock_of() looks at, in bytes: btrfs has its own behind 64 KiB.
inline constexpr std::size_t superblock_area = 68UL * 1024;

/// What begins there: "ext 0f12…", the kind and the UUID, which last as long as the filesystem is
/// the same one, whatever is written to it. "swap" for swap areas, which hold nothing that lasts.
/// Empty for what is not known. Pure.
std::string superblock_of(std::span<const std::uint8_t> begin);

}  // namespace dboot::guardian
