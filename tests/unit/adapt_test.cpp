#include "injector/from_host/adapt.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "injector/failure.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(NamesOnlyLocalServers, StubsAreLocalAndOthersAreNot) {
  EXPECT_TRUE(rootfs::names_only_local_servers("nameserver 127.0.0.53\noptions edns0\n"));
  EXPECT_TRUE(rootfs::names_only_local_servers("# x\n nameserver\t::1\nnameserver 127.0.0.1"));
  EXPECT_FALSE(rootfs::names_only_local_servers("nameserver 127.0.0.1\nnameserver 9.9.9.9\n"));
  EXPECT_FALSE(rootfs::names_only_local_servers("# nameserver 127.0.0.1\nsearch example.org\n"));
  EXPECT_FALSE(rootfs::names_only_local_servers(""));
}

class Adapt : public testing::Test {
 protected:
  Adapt() {
    fs::create_directory(root);
    root_fd = open_directory(root);
  }
  void adapt(const rootfs::Adaptation& adaptation) const {
    rootfs::adapt(root_fd.get(), {"127.0.0.1 localhost\n", "nameserver 9.9.9.9\n"}, adaptation);
  }
  mode_t mode(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat((root / name).c_str(), &status), 0) << name;
    return status.st_mode;
  }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
  UniqueFd root_fd;
};

TEST_F(Adapt, EmptyRootGetsMountPointsAndFiles) {
  adapt({"new-name", true});
  for (const char* name : {"proc", "sys", "dev", "run"}) EXPECT_EQ(mode(name), S_IFDIR | 0755U);
  EXPECT_EQ(mode("tmp"), S_IFDIR | 01777U);
  EXPECT_EQ(read_text(root / "etc/hostname"), "new-name\n");
  EXPECT_EQ(read_text(root / "etc/hosts"), "127.0.0.1 localhost\n");
  EXPECT_EQ(read_text(root / "etc/resolv.conf"), "nameserver 9.9.9.9\n");
}

TEST_F(Adapt, PlaceholdersOfDockerAreFilled) {
  for (const char* name : {"etc/hosts", "etc/resolv.conf", "etc/hostname"}) {
    write_text(root / name, "", 0755);
  }
  adapt({});
  EXPECT_EQ(read_text(root / "etc/hosts"), "127.0.0.1 localhost\n");
  EXPECT_EQ(mode("etc/hosts"), S_IFREG | 0644U);
  EXPECT_EQ(read_text(root / "etc/resolv.conf"), "nameserver 9.9.9.9\n");
  EXPECT_EQ(read_text(root / "etc/hostname"), "");
}

TEST_F(Adapt, WhatTheImageBringsStays) {
  write_text(root / "etc/hosts", "10.0.0.1 own\n");
  fs::create_directories(root / "run/systemd");
  write_text(root / "run/systemd/resolv.conf", "nameserver 10.0.0.2\n");
  fs::create_symlink("/run/systemd/resolv.conf", root / "etc/resolv.conf");
  adapt({});
  EXPECT_EQ(read_text(root / "etc/hosts"), "10.0.0.1 own\n");
  EXPECT_TRUE(fs::is_symlink(root / "etc/resolv.conf"));
}

TEST_F(Adapt, LinkToAFileThatIsMissingIsReplaced) {
  fs::create_directories(root / "etc");
  fs::create_symlink("../run/systemd/resolve/stub-resolv.conf", root / "etc/resolv.conf");
  adapt({});
  EXPECT_FALSE(fs::is_symlink(root / "etc/resolv.conf"));
  EXPECT_EQ(read_text(root / "etc/resolv.conf"), "nameserver 9.9.9.9\n");
}

TEST_F(Adapt, FilesOfTheHostAreNeverWrittenThroughLinks) {
  write_text(directory / "canary", "alive");
  fs::create_directories(root / "etc");
  fs::create_symlink(directory / "canary", root / "etc/hostname");
  fs::create_symlink("../../canary", root / "etc/hosts");
  adapt({"x", true});
  EXPECT_EQ(read_text(directory / "canary"), "alive");
  EXPECT_EQ(read_text(root / "etc/hostname"), "x\n");
}

TEST_F(Adapt, MarksOfAContainerGoOnAMachineOnly) {
  write_text(root / ".dockerenv", "");
  write_text(root / "run/.containerenv", "");
  adapt({"", false});
  EXPECT_TRUE(fs::exists(root / ".dockerenv"));
  adapt({"", true});
  EXPECT_FALSE(fs::exists(root / ".dockerenv"));
  EXPECT_FALSE(fs::exists(root / "run/.containerenv"));
}

TEST_F(Adapt, MountPointBehindALinkIsRefused) {
  fs::create_symlink("/tmp", root / "proc");
  EXPECT_THAT([&] { adapt({}); },
              testing::Throws<Failure>(testing::Property(&Failure::what, HasSubstr("/proc"))));
}

TEST_F(Adapt, TmpMayBeALink) {
  fs::create_symlink("/var/tmp", root / "tmp");
  adapt({});
  EXPECT_TRUE(fs::is_directory(root / "var/tmp"));
  EXPECT_TRUE(fs::is_symlink(root / "tmp"));
}

TEST_F(Adapt, RunThatIsALinkToItsFormerNameChangesPlacesWithIt) {
  for (const bool there : {false, true}) {
    fs::remove_all(root / "var");
    fs::remove_all(root / "run");
    fs::create_symlink("var/run", root / "run");
    if (there) write_text(root / "var/run/file", "kept");
    adapt({});
    EXPECT_TRUE(fs::is_directory(fs::symlink_status(root / "run")));
    EXPECT_EQ(fs::read_symlink(root / "var/run"), "/run");
    if (there) {
      EXPECT_EQ(read_text(root / "run/file"), "kept");
    }
  }
}

TEST_F(Adapt, RunThatIsALinkToAFileIsRefused) {
  fs::create_symlink("var/run", root / "run");
  write_text(root / "var/run", "");
  EXPECT_THAT([&] { adapt({}); }, testing::Throws<Failure>(testing::Property(
                                      &Failure::what, HasSubstr("/run of the image"))));
}

TEST_F(Adapt, DirectoriesBehindMountPointsAreRefused) {
  for (const char* name : {"tmp", "etc"}) {
    fs::remove_all(root / "tmp");
    fs::create_symlink(std::string("/run/") + name, root / name);
    EXPECT_THAT(
        [&] {
          adapt({"name", true});
        },
        testing::Throws<Failure>(testing::Property(
            &Failure::what, HasSubstr(std::string("/") + name + " of the image is hidden"))))
        << name;
  }
}

TEST_F(Adapt, RunThatIsALinkToAnythingElseIsRefused) {
  for (const char* target : {"proc", "/", ".", "/var", "run", "../../run"}) {
    fs::remove_all(root / "run");
    fs::create_symlink(target, root / "run");
    EXPECT_THAT([&] { adapt({}); },
                testing::Throws<Failure>(testing::Property(
                    &Failure::what, HasSubstr("/run of the image is no directory but a symlink"))))
        << target;
  }
}

TEST_F(Adapt, RunThatIsAFileIsRefused) {
  write_text(root / "run", "");
  EXPECT_THROW(adapt({}), Failure);
}

}  // namespace
}  // namespace dboot
