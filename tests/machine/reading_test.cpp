// What went wrong is understood from dboot-log alone.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdint>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

std::string kept(const std::string& name, const std::string& text) {
  const auto path = files::artefact(name);
  sys::write_all(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644).get(), text);
  return path;
}

std::string told(const std::vector<std::string>& arguments) {
  auto words = arguments;
  words.insert(words.begin(), files::program("dboot-log"));
  const auto output = run_program(words);
  EXPECT_EQ(output.status, 0) << output.text;
  return output.text;
}

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

/// A disk with a cache before it, which nobody takes apart.
void keep_a_disk_busy(Host& host, const std::string& disk) {
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

TEST(Reading, OfAServiceThatDoesNotEndAndADiskThatStaysBusy) {
  Host host(Host::Console::serial);
  const files::Scratch disk(files::artefact("data"));
  ASSERT_NO_FATAL_FAILURE(keep_a_disk_busy(host, disk.path()));
  host.shell().output_of(
      // A $ of its own is doubled for systemd.
      "systemd-run --unit=ledger perl -e '$$0 = \"ledger\"; $$SIG{TERM} = sub {}; sleep 1000 while "
      "1'");
  host.shell().start("dboot-inject --yes --grace 3 bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  const auto record = kept("payload.log", shell.output_of("cat /run/dboot/payload.log"));
  const auto page = told({record});
  EXPECT_THAT(
      page,
      AllOf(HasSubstr("The new system has started with /bin/bash, "),
            ContainsRegex("terminate: the end of ledger \\(pid [0-9]+\\), which was killed: "
                          "the grace period is over"),
            ContainsRegex("ledger \\(pid [0-9]+\\), killed: the grace period is over"),
            ContainsRegex("Freed\n"), HasSubstr("umount2 /srv/vault"),
            ContainsRegex("Stayed busy\n +[0-9.]+ s  /dev/vd[b-z]: [^\n]*, held by bcache0\n")));
  told({record, "--svg", files::artefact("takeover.svg")});
  // What the serial line has shown of it, between what else it has shown.
  EXPECT_THAT(
      told({kept("serial.log", console.text())}),
      AllOf(HasSubstr("The new system has started with /bin/bash"),
            HasSubstr("killed: not ended within the grace period"), HasSubstr("held by bcache0")));
}

/// The record goes with the machine's memory; the kernel's log is in its pstore.
TEST(Reading, OfAnInitThatIsMissing) {
  const files::Scratch pstore(files::artefact("pstore"));
  {
    SmallHost host({.pstore = pstore.path()});
    host.shell().output_of(
        "(trap 'rm /run/dboot/root/bin/init; exit' TERM; sleep 1000 & wait) >/dev/null 2>&1 &");
    host.take_over("--init exec --on-failure reboot", "/bin/init");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
    EXPECT_THAT(told({kept("serial.log", host.console().text())}),
                HasSubstr("The takeover has failed: execute /bin/init: No such file or directory"));
  }
  SmallHost host({.pstore = pstore.path()});
  const auto dump =
      host.shell().output_of("mount -t pstore pstore /srv; cat $(ls -r /srv/dmesg-erst-*)");
  const auto record = kept("pstore.log", dump);
  EXPECT_THAT(
      told({record}),
      AllOf(HasSubstr("The takeover has failed: execute /bin/init: No such file or directory"),
            HasSubstr("This is a copy without details")));
  told({record, "--svg", files::artefact("failure.svg")});
}

}  // namespace
}  // namespace dboot::machine
