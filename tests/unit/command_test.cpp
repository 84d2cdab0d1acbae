#include "injector/command/command.hpp"

#include <elf.h>
#include <gmock/gmock.h>

#include <cstddef>

#include "injector/failure.hpp"
#include "injector/unpack/beneath.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using rootfs::Command;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

TEST(Combine, CommandTakesThePlaceOfCmd) {
  ImageConfig image;
  EXPECT_THAT(rootfs::combine(image, {}), ElementsAre());
  image.cmd = {"bash"};
  EXPECT_THAT(rootfs::combine(image, {}), ElementsAre("bash"));
  EXPECT_THAT(rootfs::combine(image, {"sh", "-c", "x"}), ElementsAre("sh", "-c", "x"));
  image.entrypoint = {"/entry", "-v"};
  EXPECT_THAT(rootfs::combine(image, {}), ElementsAre("/entry", "-v", "bash"));
  EXPECT_THAT(rootfs::combine(image, {"sh"}), ElementsAre("/entry", "-v", "sh"));
}

TEST(Environment, PathAndHomeAreSetWhereTheImageDoesNot) {
  ImageConfig image;
  EXPECT_THAT(rootfs::environment(image, "/root"),
              ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                          "HOME=/root"));
  image.env = {"PATH=/opt/bin", "HOME=/srv", "EMPTY="};
  EXPECT_EQ(rootfs::environment(image, "/root"), image.env);
}

TEST(Environment, MachineIsNoContainer) {
  EXPECT_THAT(rootfs::without_container({"PATH=/bin", "container=docker", "container_name=x"}),
              ElementsAre("PATH=/bin", "container_name=x"));
}

TEST(IsInit, InitsAreKnownByNameLinkAndApplet) {
  EXPECT_TRUE(rootfs::is_init("/sbin/init", "/usr/lib/systemd/systemd", {"/sbin/init"}));
  EXPECT_TRUE(rootfs::is_init("/sbin/init", "/bin/busybox", {"/sbin/init"}));
  EXPECT_TRUE(rootfs::is_init("/start", "/usr/lib/systemd/systemd", {"/start"}));
  EXPECT_TRUE(rootfs::is_init("/bin/busybox", "/bin/busybox", {"busybox", "init"}));
  EXPECT_TRUE(rootfs::is_init("/usr/bin/tini", "/usr/bin/tini-static", {"tini", "--", "sh"}));
  for (const char* name : {"openrc-init", "runit-init", "s6-svscan", "dinit", "finit", "dumb-init",
                           "catatonit", "docker-init"}) {
    EXPECT_TRUE(rootfs::is_init(std::string("/sbin/") + name, "/x", {name})) << name;
  }
}

TEST(IsInit, ShellsScriptsAndServersAreNone) {
  EXPECT_FALSE(rootfs::is_init("/bin/sh", "/bin/busybox", {"sh"}));
  EXPECT_FALSE(rootfs::is_init("/bin/busybox", "/bin/busybox", {"busybox", "sh"}));
  EXPECT_FALSE(rootfs::is_init("/bin/bash", "/usr/bin/bash", {"bash", "init"}));
  EXPECT_FALSE(rootfs::is_init("/init.d/start", "/init.d/start", {"start"}));
  EXPECT_FALSE(rootfs::is_init("/bin/systemctl", "/bin/systemctl", {"systemctl"}));
}

/// A root with a static program at /usr/bin/tool; /bin is a link as in today's distributions.
class FindCommand : public testing::Test {
 protected:
  FindCommand() {
    fs::create_directories(root / "usr/bin");
    fs::create_symlink("usr/bin", root / "bin");
    fs::copy_file("/proc/self/exe", root / "usr/bin/tool");
    const auto loader = fs::path("/lib64/ld-linux-x86-64.so.2");
    fs::create_directories(root / "lib64");
    fs::copy_file(loader, root / "lib64" / loader.filename());
    root_fd = open_directory(root);
  }

  Command find(const Words& command) const {
    return rootfs::find_command(root_fd.get(), image, command);
  }
  /// "status: what".
  std::string refusal(const Words& command) const {
    try {
      return "found " + find(command).executable;
    } catch (const Failure& failure) {
      return std::to_string(failure.status()) + ": " + failure.what();
    }
  }
  void change_byte(const std::string& name, std::size_t offset, char value) const {
    std::string bytes = read_text(root / name);
    bytes.at(offset) = value;
    write_text(root / name, bytes, 0755);
  }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
  UniqueFd root_fd;
  ImageConfig image;
};

TEST_F(FindCommand, NameIsLookedUpInThePathOfTheImage) {
  image.env = {"PATH=/nothing:/usr/bin"};
  const Command command = find({"tool", "arg"});
  EXPECT_EQ(command.executable, "/usr/bin/tool");
  EXPECT_THAT(command.arguments, ElementsAre("tool", "arg"));
  EXPECT_EQ(command.working_directory, "/");
  EXPECT_FALSE(command.is_init);
}

TEST_F(FindCommand, PathWithASlashIsRelativeToTheWorkingDirectory) {
  image.working_directory = "/usr";
  EXPECT_EQ(find({"bin/tool"}).executable, "/usr/bin/tool");
  EXPECT_EQ(find({"/bin/tool"}).executable, "/bin/tool");
}

TEST_F(FindCommand, WorkingDirectoryIsMade) {
  image.working_directory = "/srv/app";
  EXPECT_EQ(find({"tool"}).working_directory, "/srv/app");
  EXPECT_TRUE(fs::is_directory(root / "srv/app"));
}

TEST_F(FindCommand, InitIsStartedWhereNobodySaysAnything) {
  EXPECT_THAT(refusal({}), HasSubstr("125: the image does not say what to start"));
  fs::create_directories(root / "sbin");
  fs::create_symlink("/bin/tool", root / "sbin/init");
  const Command command = find({});
  EXPECT_EQ(command.executable, "/sbin/init");
  EXPECT_THAT(command.arguments, ElementsAre("/sbin/init"));
  EXPECT_TRUE(command.is_init);
}

TEST_F(FindCommand, AbsoluteLinksAreFollowedInsideTheImage) {
  fs::create_symlink("/bin/tool", root / "usr/bin/link");
  EXPECT_EQ(find({"link"}).executable, "/usr/bin/link");
  EXPECT_EQ(rootfs::canonical_beneath(root_fd.get(), "/bin/link"), "/usr/bin/tool");
  // There on this machine, not in the image.
  fs::create_symlink("/proc/self/exe", root / "usr/bin/outside");
  EXPECT_THAT(refusal({"/bin/outside"}), HasSubstr("127:"));
}

TEST_F(FindCommand, CommandThatIsNotThereIsStatus127) {
  EXPECT_THAT(refusal({"missing"}),
              AllOf(HasSubstr("127: there is no 'missing'"), HasSubstr("PATH")));
  EXPECT_THAT(refusal({"/bin/missing"}), HasSubstr("127:"));
  EXPECT_THAT(refusal({""}), HasSubstr("127:"));
}

TEST_F(FindCommand, WhatCannotBeExecutedIsStatus126) {
  write_text(root / "usr/bin/data", "data", 0644);
  write_text(root / "usr/bin/text", "data", 0755);
  EXPECT_THAT(refusal({"data"}), AllOf(HasSubstr("126:"), HasSubstr("not executable")));
  EXPECT_THAT(refusal({"text"}), AllOf(HasSubstr("126:"), HasSubstr("neither an ELF")));
  EXPECT_THAT(refusal({"/usr"}), AllOf(HasSubstr("126:"), HasSubstr("directory")));
}

TEST_F(FindCommand, FirstExecutableOfThePathWins) {
  image.env = {"PATH=/opt:/usr/bin"};
  write_text(root / "opt/tool", "not executable", 0644);
  EXPECT_EQ(find({"tool"}).executable, "/usr/bin/tool");
}

TEST_F(FindCommand, ProgramOfAnotherMachineIsStatus126) {
  change_byte("usr/bin/tool", offsetof(Elf64_Ehdr, e_machine), static_cast<char>(EM_AARCH64));
  EXPECT_THAT(refusal({"tool"}), AllOf(HasSubstr("126:"), HasSubstr("AArch64")));
}

TEST_F(FindCommand, DamagedProgramIsStatus126) {
  fs::resize_file(root / "usr/bin/tool", 5000);
  EXPECT_THAT(refusal({"tool"}), AllOf(HasSubstr("126:"), HasSubstr("cut off")));
}

TEST_F(FindCommand, MissingElfInterpreterIsNamed) {
  fs::remove_all(root / "lib64");
  EXPECT_THAT(refusal({"tool"}), AllOf(HasSubstr("126:"), HasSubstr("/lib64/ld-linux")));
}

TEST_F(FindCommand, ScriptsNeedTheirInterpreters) {
  write_text(root / "usr/bin/good", "#! /bin/tool -x\n", 0755);
  write_text(root / "usr/bin/nested", "#!/bin/good", 0755);
  write_text(root / "usr/bin/bad", "#!/bin/bash\n", 0755);
  write_text(root / "usr/bin/self", "#!/bin/self\n", 0755);
  EXPECT_EQ(find({"good"}).executable, "/usr/bin/good");
  EXPECT_EQ(find({"nested"}).executable, "/usr/bin/nested");
  EXPECT_THAT(refusal({"bad"}), AllOf(HasSubstr("126:"), HasSubstr("interpreter /bin/bash")));
  EXPECT_THAT(refusal({"self"}), AllOf(HasSubstr("126:"), HasSubstr("too many")));
}

TEST_F(FindCommand, UserHasTheHomeAndTheGroupsOfTheImagesPasswd) {
  write_text(root / "etc/passwd", "web:x:33:34::/var/www:\n");
  write_text(root / "etc/group", "disk:x:6:web\n");
  const Command command = rootfs::find_command(root_fd.get(), image, {"tool"}, "web");
  EXPECT_EQ(command.credentials, (Credentials{33, 34, {6, 34}}));
  EXPECT_THAT(command.environment, testing::Contains("HOME=/var/www"));
  EXPECT_EQ(find({"tool"}).credentials, Credentials());
  image.user = "web";  // of no effect by itself
  EXPECT_EQ(find({"tool"}).credentials, Credentials());
}

}  // namespace
}  // namespace dboot
