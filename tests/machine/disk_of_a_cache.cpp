#include "tests/machine/disk_of_a_cache.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>

#include "shared/system/syscalls.hpp"

namespace dboot::machine {
namespace {

/// As the kernel's crc64.c has it.
std::uint64_t crc64(std::string_view bytes) {
  constexpr std::uint64_t polynomial = 0x42F0E1EBA9EA3693;
  std::uint64_t crc = ~std::uint64_t{0};
  for (const char byte : bytes) {
    crc ^= std::uint64_t{static_cast<unsigned char>(byte)} << 56U;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1U) ^ ((crc >> 63U) != 0 ? polynomial : 0);
  }
  return ~crc;
}

void put(std::string& bytes, std::size_t at, std::uint64_t number, std::size_t size) {
  for (std::size_t byte = 0; byte < size; ++byte)
    bytes[at + byte] = static_cast<char>(number >> (8 * byte) & 0xffU);
}

/// The superblock of a device that bcache may put a cache before (linux/drivers/md/bcache:
/// cache_sb_disk).
std::string bcache_superblock() {
  constexpr std::string_view magic(
      "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", 16);
  constexpr std::size_t keys_at = 208;
  std::string block(keys_at, '\0');
  put(block, 8, 8, 8);   // where it lies, in sectors
  put(block, 16, 1, 8);  // what it is: a backing device
  block.replace(24, magic.size(), magic);
  put(block, 40, 7, 8);   // its UUID
  put(block, 192, 1, 2);  // sectors of a block
  put(block, 0, crc64(std::string_view(block).substr(8)), 8);
  return block;
}

}  // namespace

void mount_disk_of_a_cache(Host& host, const std::string& disk) {
  ASSERT_EQ(run_program({"truncate", "-s", "32M", disk}).status, 0);
  const auto block = bcache_superblock();
  const UniqueFd fd = sys::open(disk, O_WRONLY);
  ASSERT_EQ(::pwrite(fd.get(), block.data(), block.size(), 4096),
            static_cast<ssize_t>(block.size()));
  host.machine().plug_in("data", disk, Machine::Access::read_write);
  host.shell().output_of("udevadm wait --timeout=60 /dev/disk/by-id/virtio-data");
  host.shell().output_of(
      "modprobe bcache; test -e /dev/bcache0 || readlink -f /dev/disk/by-id/virtio-data "
      ">/sys/fs/bcache/register; udevadm wait --timeout=60 /dev/bcache0");
  host.shell().output_of(
      "mkfs.ext4 -q /dev/bcache0 && mkdir /srv/vault && mount /dev/bcache0 /srv/vault");
}

}  // namespace dboot::machine
