#include "injector/from_host/from_host.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "injector/failure.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using rootfs::FromHost;
using rootfs::HostFilesWanted;
using rootfs::Share;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

/// A host with a kernel, and an empty root.
class FromHostTest : public testing::Test {
 protected:
  FromHostTest() {
    fs::create_directory(root);
    write_text(modules / "modules.dep",
               "kernel/net/wifi-card.ko: kernel/net/wifi.ko\n"
               "kernel/net/wifi.ko:\n"
               "kernel/fs/strange.ko:\n");
    write_text(modules / "modules.dep.bin", "an index");
    write_text(modules / "modules.builtin.modinfo",
               std::string("cpu.firmware=cpu/microcode.bin\0cpu.license=GPL\0", 49));
    for (const char* file :
         {"kernel/net/wifi-card.ko", "kernel/net/wifi.ko", "kernel/fs/strange.ko"})
      write_text(modules / file, "not really ELF");
    fs::create_symlink("/usr/src/linux", modules / "build");
    write_text(firmware / "cpu/microcode.bin.xz", "compressed");
    write_text(firmware / "other/card.bin", "for something else");
  }

  void copy(const HostFilesWanted& wanted) const {
    const FromHost from_host(wanted, kernel);
    const auto fd = open_directory(root);
    Progress progress(0);
    from_host.copy(fd.get(), progress);
  }
  void copy_modules(Share share) const { copy({share, Share::none, {}}); }
  void copy_firmware(Share share) const { copy({Share::none, share, {}}); }
  void copy_file(const fs::path& from, const std::string& to) const {
    copy({Share::none, Share::none, {{from.string(), to}}});
  }
  bool is_there(const fs::path& path) const { return fs::exists(fs::symlink_status(root / path)); }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
  const fs::path modules = directory / "modules/6.1";
  const fs::path firmware = directory / "firmware";
  const rootfs::KernelFiles kernel{"6.1", modules.string(), firmware.string(),
                                   "wifi_card 16384 0 - Live 0x0\nwifi 8192 1 wifi_card, Live\n"};
  const fs::path in_root = "lib/modules/6.1";
};

TEST_F(FromHostTest, AllModulesAreCopiedButNotTheLinkToTheSources) {
  copy_modules(Share::all);
  for (const char* file : {"modules.dep", "modules.dep.bin", "kernel/net/wifi-card.ko",
                           "kernel/net/wifi.ko", "kernel/fs/strange.ko"})
    EXPECT_EQ(read_text(root / in_root / file), read_text(modules / file)) << file;
  EXPECT_FALSE(is_there(in_root / "build"));
}

TEST_F(FromHostTest, LoadedModulesComeWithWhatTheyNeedAndAnIndexOfThemAlone) {
  copy_modules(Share::loaded);
  EXPECT_TRUE(is_there(in_root / "kernel/net/wifi-card.ko"));
  EXPECT_TRUE(is_there(in_root / "kernel/net/wifi.ko"));
  EXPECT_FALSE(is_there(in_root / "kernel/fs"));
  EXPECT_EQ(read_text(root / in_root / "modules.dep"),
            "kernel/net/wifi-card.ko: kernel/net/wifi.ko\nkernel/net/wifi.ko:\n");
  EXPECT_TRUE(is_there(in_root / "modules.dep.bin"));
}

TEST_F(FromHostTest, ModulesAreTakenUnaskedWhereUdevOrKmodUsesThem) {
  copy_modules(Share::automatic);
  EXPECT_FALSE(is_there("lib"));
  write_text(root / "usr/bin/kmod", "");
  fs::create_directories(root / "usr/sbin");
  fs::create_symlink("/usr/bin/busybox", root / "usr/sbin/modprobe");
  write_text(root / "usr/bin/busybox", "");
  copy_modules(Share::automatic);
  EXPECT_FALSE(is_there("lib"));
  fs::remove(root / "usr/sbin/modprobe");
  fs::create_symlink("/usr/bin/kmod", root / "usr/sbin/modprobe");
  copy_modules(Share::automatic);
  EXPECT_TRUE(is_there(in_root / "kernel/fs/strange.ko"));
}

TEST_F(FromHostTest, AnImageWithoutKmodIsNotToldOfStaticNodes) {
  write_text(modules / "modules.devname", "fuse fuse c10:229\n");
  copy_modules(Share::all);
  EXPECT_FALSE(is_there(in_root / "modules.devname"));
  fs::remove_all(root / "lib");
  write_text(root / "bin/kmod", "");
  copy_modules(Share::all);
  EXPECT_TRUE(is_there(in_root / "modules.devname"));
}

TEST_F(FromHostTest, ModulesThatTheImageHasStay) {
  write_text(root / "lib/systemd/systemd-udevd", "");
  write_text(root / in_root / "modules.dep", "its own");
  copy_modules(Share::automatic);
  copy_modules(Share::all);
  EXPECT_EQ(read_text(root / in_root / "modules.dep"), "its own");
  EXPECT_FALSE(is_there(in_root / "kernel"));
}

TEST_F(FromHostTest, AModulesDirectoryBehindALinkStaysInTheRoot) {
  fs::create_directories(root / "usr/lib");
  fs::create_symlink("/usr/lib", root / "lib");
  copy_modules(Share::all);
  EXPECT_TRUE(is_there("usr/lib/modules/6.1/modules.dep"));
}

TEST_F(FromHostTest, FirmwareIsWhatDriversInUseNameCompressedOrNot) {
  copy_firmware(Share::loaded);
  EXPECT_EQ(read_text(root / "lib/firmware/cpu/microcode.bin.xz"), "compressed");
  EXPECT_FALSE(is_there("lib/firmware/other"));
}

TEST_F(FromHostTest, FirmwareBehindALinkComesWithTheLink) {
  fs::rename(firmware / "cpu", firmware / "cpu-v2");
  fs::create_symlink("cpu-v2", firmware / "cpu");
  copy_firmware(Share::loaded);
  EXPECT_EQ(fs::read_symlink(root / "lib/firmware/cpu"), "cpu-v2");
  EXPECT_TRUE(is_there("lib/firmware/cpu-v2/microcode.bin.xz"));
}

TEST_F(FromHostTest, FirmwareOfTheImageIsNotReplaced) {
  write_text(root / "lib/firmware/other/card.bin", "newer");
  copy_firmware(Share::all);
  EXPECT_EQ(read_text(root / "lib/firmware/other/card.bin"), "newer");
  EXPECT_TRUE(is_there("lib/firmware/cpu/microcode.bin.xz"));
}

TEST_F(FromHostTest, WhatWasAskedForIsCountedAndMustBeThere) {
  EXPECT_EQ(FromHost({}, kernel).bytes(), 0U);
  EXPECT_EQ(FromHost({Share::all, Share::none, {}}, kernel).bytes(), 6U * 4096);
  EXPECT_EQ(FromHost({Share::none, Share::loaded, {}}, kernel).bytes(), 4096U);
  const rootfs::KernelFiles nothing{"6.1", "", "", ""};
  EXPECT_NO_THROW(FromHost({}, nothing));
  EXPECT_THROW(FromHost({Share::loaded, Share::none, {}}, nothing), Failure);
  EXPECT_THROW(FromHost({Share::none, Share::all, {}}, nothing), Failure);
  EXPECT_THROW(FromHost({Share::none, Share::none, {{"/no/such/file", "/x"}}}, kernel), Failure);
}

TEST_F(FromHostTest, AFileIsCopiedWithItsModeAndTime) {
  const fs::path file = directory / "key";
  write_text(file, "secret", 0600);
  const timespec times[2] = {{1, 0}, {1'000'000'000, 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  copy_file(file, "/etc/ssh/key");
  EXPECT_EQ(read_text(root / "etc/ssh/key"), "secret");
  struct stat status {};
  ASSERT_EQ(::stat((root / "etc/ssh/key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(status.st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(status.st_mtim.tv_nsec, 5);
}

TEST_F(FromHostTest, ADirectoryIsCopiedIntoTheOneThatIsThere) {
  const fs::path tree = directory / "tree";
  write_text(tree / "sub/one", "1");
  fs::create_hard_link(tree / "sub/one", tree / "sub/two");
  fs::create_symlink("/etc/passwd", tree / "link");
  ASSERT_EQ(::mkfifo((tree / "fifo").c_str(), 0640), 0);
  write_text(root / "srv/data/sub/own", "of the image");
  fs::create_symlink("srv/data", root / "data");
  copy_file(tree, "/data");
  EXPECT_TRUE(fs::is_symlink(root / "data"));
  EXPECT_EQ(read_text(root / "srv/data/sub/own"), "of the image");
  EXPECT_EQ(read_text(root / "srv/data/sub/two"), "1");
  EXPECT_TRUE(fs::equivalent(root / "srv/data/sub/one", root / "srv/data/sub/two"));
  EXPECT_EQ(fs::read_symlink(root / "srv/data/link"), "/etc/passwd");
  EXPECT_TRUE(fs::is_fifo(root / "srv/data/fifo"));
}

TEST_F(FromHostTest, LinksOfTheImageLeadNoCopyOutOfTheRoot) {
  const fs::path outside = directory / "outside";
  fs::create_directories(outside);
  fs::create_symlink(outside, root / "absolute");
  fs::create_symlink("../outside", root / "relative");
  write_text(directory / "file", "x");
  copy_file(directory / "file", "/absolute/file");
  copy_file(directory / "file", "/relative/file");
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_EQ(read_text(root / "outside/file"), "x");
  fs::create_symlink(outside / "new", root / "last");
  copy_file(directory / "file", "/last");
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_EQ(read_text(root / "last"), "x");
}

TEST_F(FromHostTest, ADirectoryInTheWayOfAFileIsNamed) {
  write_text(root / "etc/passwd/file", "");
  write_text(directory / "passwd", "");
  try {
    copy_file(directory / "passwd", "/etc/passwd");
    FAIL() << "it was copied";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(),
                AllOf(HasSubstr((directory / "passwd").string()), HasSubstr("etc/passwd")));
  }
}

TEST_F(FromHostTest, ASocketIsLeftOut) {
  const fs::path tree = directory / "tree";
  fs::create_directories(tree);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  (tree / "socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  copy_file(tree, "/tree");
  EXPECT_TRUE(fs::is_empty(root / "tree"));
}

TEST(ParseCopy, PathInTheNewRootIsTheSameUnlessGiven) {
  EXPECT_EQ(rootfs::parse_copy("/etc/./passwd").to, "/etc/passwd");
  EXPECT_EQ(rootfs::parse_copy("x").to, (fs::current_path() / "x").string());
  const auto given = rootfs::parse_copy("rel:ative/x:/etc/y");
  EXPECT_EQ(given.from, "rel:ative/x");
  EXPECT_EQ(given.to, "/etc/y");
  EXPECT_EQ(rootfs::parse_copy("/etc/ssh/:/backup").to, "/backup");
  EXPECT_EQ(rootfs::parse_copy("/a/key:/root/").to, "/root/key");
  EXPECT_EQ(rootfs::parse_copy("tree:/").to, "/");
}

TEST(ParseCopy, PathsThatTheNewSystemHidesAreRefused) {
  EXPECT_THROW(rootfs::parse_copy("x:/proc/x"), Failure);
  EXPECT_THROW(rootfs::parse_copy("/run"), Failure);
  EXPECT_THROW(rootfs::parse_copy(""), Failure);
  EXPECT_NO_THROW(rootfs::parse_copy("x:/runtime"));
}

}  // namespace
}  // namespace dboot
