#include <gmock/gmock.h>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

// What the options that `docker run` has too do to a rehearsed command.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ImageConfigOptions : public ::testing::Test {
 protected:
  ImageConfigOptions() {
    TarBuilder tar;
    add_busybox(tar);
    tar.directory("etc");
    tar.file("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n");
    tar.file("etc/group", "disk:x:6:web\nweb:x:34:\n");
    tar.directory("private", 0700).file("private/tool", "#!/bin/sh\n", 0755);
    write_text(directory_ / "image.tar", tar.finish());
  }

  SandboxHost::Result rehearse(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {DBOOT_INJECT, "--rehearse"});
    return host_.run(arguments);
  }
  std::string image() const { return directory_ / "image.tar"; }

  TemporaryDirectory directory_;
  SandboxHost host_;
};

TEST_F(ImageConfigOptions, EntrypointIsStartedWithTheArgumentsOfCommand) {
  const auto result =
      rehearse({"--entrypoint", "/bin/sh", image(), "-c", "echo \"said by $0\"", "x"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("said by x"));
}

TEST_F(ImageConfigOptions, VariablesAndWorkingDirectoryReachTheCommand) {
  const auto result = host_.run({"/bin/busybox", "env", "GIVEN=from outside", DBOOT_INJECT,
                                 "--rehearse", "-e", "A=a b", "-e", "GIVEN", "-w", "/srv/new",
                                 image(), "sh", "-c", "echo \"<$A|$GIVEN|$(pwd)|$HOME>\""});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("<a b|from outside|/srv/new|/root>"));
}

TEST_F(ImageConfigOptions, SystemdIsToldToEndBySignalOfItsOwn) {
  TarBuilder tar;
  add_busybox(tar);
  tar.directory("usr").directory("usr/lib").directory("usr/lib/systemd");
  tar.file("usr/lib/systemd/systemd", sys::read_file("/bin/busybox"), 0755);
  tar.directory("sbin").symlink("sbin/init", "/usr/lib/systemd/systemd");
  write_text(directory_ / "systemd.tar", tar.finish());
  const auto of_systemd = host_.run({DBOOT_INJECT, "--dry-run", directory_ / "systemd.tar"});
  EXPECT_EQ(of_systemd.status, 0) << of_systemd.output;
  EXPECT_THAT(of_systemd.output, HasSubstr("stop signal: 37\n"));
  const auto of_shell = host_.run({DBOOT_INJECT, "--dry-run", image(), "sh"});
  EXPECT_THAT(of_shell.output, HasSubstr("stop signal: 15\n"));
}

TEST_F(ImageConfigOptions, UserIsTheOneOfTheImage) {
  const auto result =
      rehearse({"--user", "web", image(), "sh", "-c", "echo \"<$(id) $HOME>\"; : >/dev/console"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              HasSubstr("<uid=33(web) gid=34(web) groups=6(disk),34(web) /var/www>"));
}

TEST_F(ImageConfigOptions, UserMayBeANumberAndAGroup) {
  const auto result = rehearse({"-u", "4242:disk", image(), "sh", "-c", "echo \"<$(id) $HOME>\""});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("<uid=4242 gid=6(disk) groups=6(disk) />"));
}

TEST_F(ImageConfigOptions, InitMayBeAnotherUsersToo) {
  const auto result =
      rehearse({"--init", "exec", "-u", "web", image(), "sh", "-c", "echo \"<$$ $(id -u)>\""});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("<1 33>"));
}

TEST_F(ImageConfigOptions, UserThatIsNotInTheImageIsRefused) {
  const auto result = rehearse({"-u", "ada", image(), "sh"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("there is no user 'ada' in the image"));
}

TEST_F(ImageConfigOptions, CommandThatTheUserMayNotRunIsRefusedBeforeTheTakeover) {
  const auto result = rehearse({"-u", "web", image(), "/private/tool"});
  EXPECT_EQ(result.status, 126);
  EXPECT_THAT(result.output, AllOf(HasSubstr("user web cannot run /private/tool"),
                                   HasSubstr("Permission denied"), Not(HasSubstr("rehearsing"))));
  EXPECT_EQ(rehearse({image(), "/private/tool"}).status, 0);
}

}  // namespace
}  // namespace dboot::testing
