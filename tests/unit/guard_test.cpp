#include "injector/guard.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Guard : public testing::Test {
 protected:
  Guard() {
    std::string name = testing::TempDir() + "dboot-guard-XXXXXX";
    directory = ::mkdtemp(name.data());
    std::filesystem::create_directories(directory / "etc/dboot");
    std::filesystem::create_directories(directory / "run/systemd/inhibit");
    root = sys::open(directory, O_PATH | O_DIRECTORY);
  }
  ~Guard() override { std::filesystem::remove_all(directory); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory / name) << text;
  }

  std::filesystem::path directory;
  UniqueFd root;
};

TEST_F(Guard, DenyFileRefusesWithItsText) {
  write("etc/dboot/deny", "ask the owner first\n");
  try {
    guard::refuse_where_denied(root.get());
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("ask the owner first"));
    EXPECT_THAT(failure.mend(), HasSubstr("--rehearse"));
    EXPECT_EQ(failure.status(), 125);
  }
}

TEST_F(Guard, EmptyOrUnreadableDenyFileRefusesToo) {
  const auto deny = directory / "etc/dboot/deny";
  write("etc/dboot/deny", "");
  EXPECT_THROW(guard::refuse_where_denied(root.get()), Failure);
  std::filesystem::remove(deny);
  std::filesystem::create_directory(deny);
  EXPECT_THROW(guard::refuse_where_denied(root.get()), Failure);
  std::filesystem::remove(deny);
  ASSERT_EQ(::mkfifo(deny.c_str(), 0600), 0);
  EXPECT_THROW(guard::refuse_where_denied(root.get()), Failure);
  std::filesystem::remove_all(directory / "etc/dboot");
  write("etc/dboot", "");
  EXPECT_THROW(guard::refuse_where_denied(root.get()), Failure);
}

TEST_F(Guard, DenyFileMayBeALinkThatIsAbsoluteBelowItsRoot) {
  write("etc/reason", "linked");
  std::filesystem::create_symlink("/etc/reason", directory / "etc/dboot/deny");
  EXPECT_THAT([&] { guard::refuse_where_denied(root.get()); },
              testing::Throws<Failure>(testing::Property(&Failure::what, HasSubstr("linked"))));
}

TEST_F(Guard, WithoutDenyFileNothingIsRefused) {
  EXPECT_NO_THROW(guard::refuse_where_denied(root.get()));
  std::filesystem::remove_all(directory / "etc");
  EXPECT_NO_THROW(guard::refuse_where_denied(root.get()));
}

TEST_F(Guard, BlockingShutdownInhibitorRefusesWithItsReason) {
  write("run/systemd/inhibit/1",
        "WHAT=idle:shutdown\nMODE=block\nWHO=apt\nWHY=packages are being installed\nPID=42\n");
  ASSERT_EQ(::mkfifo((directory / "run/systemd/inhibit/1.ref").c_str(), 0600), 0);
  try {
    guard::refuse_while_inhibited(root.get());
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("apt: packages are being installed (pid 42)"));
    EXPECT_THAT(failure.mend(), HasSubstr("--force"));
  }
}

TEST(Kernel, IsNewEnoughFrom5Dot9On) {
  for (const char* release : {"5.9", "5.9.0-rc1", "5.10.0-8-amd64", "6.1.0", "10.0"})
    EXPECT_TRUE(guard::is_new_enough(release)) << release;
  for (const char* release : {"5.8.18", "4.19.0-27-amd64", "2.6.70", "", "x"})
    EXPECT_FALSE(guard::is_new_enough(release)) << release;
}

TEST(Inhibitors, OnlyThoseThatBlockAShutdownCount) {
  EXPECT_THAT(guard::blocking_inhibitors({"WHAT=shutdown\nMODE=delay\nWHO=a\n",
                                          "WHAT=sleep\nMODE=block\nWHO=b\n",
                                          "WHO=c\nMODE=block\nWHAT=shutdown\nPID=1\nWHY=w\n", ""}),
              ElementsAre("c: w (pid 1)"));
}

TEST_F(Guard, WithoutInhibitorsNothingIsRefused) {
  EXPECT_NO_THROW(guard::refuse_while_inhibited(root.get()));
  std::filesystem::remove_all(directory / "run");
  EXPECT_NO_THROW(guard::refuse_while_inhibited(root.get()));
}

TEST(LocalConsole, IsAVirtualTerminalOrASerialLineAndNoPty) {
  EXPECT_TRUE(guard::is_console(makedev(4, 1)));     // tty1
  EXPECT_TRUE(guard::is_console(makedev(4, 64)));    // ttyS0
  EXPECT_TRUE(guard::is_console(makedev(204, 64)));  // ttyAMA0
  EXPECT_TRUE(guard::is_console(makedev(229, 0)));   // hvc0
  EXPECT_FALSE(guard::is_console(makedev(136, 0)));
  EXPECT_FALSE(guard::is_console(makedev(143, 255)));
  EXPECT_FALSE(guard::is_console(0));
}

TEST(Confirmation, WithoutATerminalNeedsYes) {
  const UniqueFd saved(::dup(STDIN_FILENO));
  const UniqueFd null = sys::open("/dev/null", O_RDONLY);
  ::dup2(null.get(), STDIN_FILENO);
  EXPECT_THROW(guard::confirm("image", false), Failure);
  EXPECT_NO_THROW(guard::confirm("image", true));
  ::dup2(saved.get(), STDIN_FILENO);
}

TEST_F(Guard, ThePlaceOfThePayloadMustBeUsable) {
  EXPECT_NO_THROW(guard::refuse_unusable_directory(root.get()));
  const auto there = directory / "run/dboot";
  std::filesystem::create_directory(there);
  EXPECT_NO_THROW(guard::refuse_unusable_directory(root.get()));
  std::filesystem::remove(there);
  std::filesystem::create_symlink("/nowhere", there);
  EXPECT_THROW(guard::refuse_unusable_directory(root.get()), Failure);
  std::filesystem::remove(there);
  write("run/dboot", "");
  EXPECT_THAT([&] { guard::refuse_unusable_directory(root.get()); },
              testing::Throws<Failure>(
                  testing::Property(&Failure::what, HasSubstr("/run/dboot is no directory"))));
  std::filesystem::remove_all(directory / "run");
  EXPECT_THROW(guard::refuse_unusable_directory(root.get()), Failure);
}

TEST(Capabilities, AreReadAsBits) {
  EXPECT_EQ(guard::capabilities_of("CapPrm:\t0000000000000000\nCapEff:\t0000000000200001\nCapBnd:"),
            0x200001U);
  EXPECT_EQ(guard::capabilities_of("Name:\tx\n"), 0U);
}

TEST_F(Guard, LockIsHeldByOneAtATime) {
  auto first = guard::lock(root.get());
  EXPECT_THROW(guard::lock(root.get()), Failure);
  EXPECT_THROW(guard::refuse_while_locked(root.get()), Failure);
  first.reset();
  EXPECT_NO_THROW(guard::refuse_while_locked(root.get()));
  EXPECT_NO_THROW(guard::lock(root.get()));
}

TEST(Rootfs, IsTheRootUnlessSomethingIsMountedOnIt) {
  const std::string rootfs = "1 1 0:2 / / rw - rootfs rootfs rw\n";
  EXPECT_TRUE(guard::lives_in_rootfs(parse_mount_table(rootfs)));
  EXPECT_FALSE(guard::lives_in_rootfs(
      parse_mount_table(rootfs + "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n")));
  EXPECT_FALSE(
      guard::lives_in_rootfs(parse_mount_table("22 1 254:1 / / rw - ext4 /dev/vda1 rw\n")));
}

}  // namespace
}  // namespace dboot
