#include <gmock/gmock.h>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

// Images that have something of their own where the payload mounts: each is rehearsed to its end,
// or refused before anything has happened.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class AwkwardImage : public ::testing::Test {
 protected:
  AwkwardImage() { add_busybox(tar_); }

  SandboxHost::Result rehearse(const std::vector<std::string>& options,
                               const std::vector<std::string>& command) {
    write_text(directory_ / "image.tar", tar_.finish());
    std::vector<std::string> words{DBOOT_INJECT, "--rehearse"};
    words.insert(words.end(), options.begin(), options.end());
    words.emplace_back(directory_ / "image.tar");
    words.insert(words.end(), command.begin(), command.end());
    return host_.run(words);
  }

  TarBuilder tar_;
  TemporaryDirectory directory_;
  SandboxHost host_;
};

TEST_F(AwkwardImage, LinkWhereTheOldRootWasIsNotInTheWay) {
  tar_.symlink(".old-root", "/proc");
  const auto result = rehearse({}, {"sh", "-c", "readlink /.old-root"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("/proc"));
}

TEST_F(AwkwardImage, RunThatIsALinkToVarRunIsTheSamePlaceStill) {
  tar_.symlink("run", "var/run");
  const auto result =
      rehearse({}, {"sh", "-c", "echo there >/var/run/x && cat /run/x && ls /run/dboot/plan"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("there"));
}

TEST_F(AwkwardImage, MountPointThatIsALinkIsRefused) {
  tar_.symlink("run", "proc");
  const auto result = rehearse({}, {"sh"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, AllOf(HasSubstr("/run of the image is no directory but a symlink"),
                                   HasSubstr("to mend it: make /run a directory")));
}

TEST_F(AwkwardImage, CommandBelowAMountPointIsRefused) {
  tar_.directory("run").file("run/tool", sys::read_file("/bin/busybox"), 0755);
  tar_.symlink("bin/tool", "/run/tool");
  for (const char* command : {"/run/tool", "/bin/tool", "tool"}) {
    const auto result = rehearse({}, {command});
    EXPECT_EQ(result.status, 126) << command;
    EXPECT_THAT(result.output, HasSubstr("it is hidden by what the new system mounts on /run"));
  }
}

TEST_F(AwkwardImage, InterpreterBehindALinkThroughAMountPointIsRefused) {
  tar_.directory("dev").symlink("dev/sh", "/bin/busybox");
  tar_.file("bin/script", "#!/dev/sh\n", 0755);
  const auto result = rehearse({}, {"/bin/script"});
  EXPECT_EQ(result.status, 126);
  EXPECT_THAT(result.output, AllOf(HasSubstr("its interpreter /dev/sh"), HasSubstr("hidden")));
}

TEST_F(AwkwardImage, WorkingDirectoryBelowAMountPointIsRefused) {
  tar_.symlink("work", "run/work");
  for (const char* directory : {"/run/work", "/work", "/proc/1"}) {
    const auto result = rehearse({"--workdir", directory}, {"sh"});
    EXPECT_EQ(result.status, 125) << directory;
    EXPECT_THAT(result.output, AllOf(HasSubstr("the working directory " + std::string(directory)),
                                     HasSubstr("--workdir")));
  }
}

TEST_F(AwkwardImage, WorkingDirectoryMayBeAMountPoint) {
  for (const char* directory : {"/run", "/proc", "/dev/shm", "/run/dboot"}) {
    const auto result = rehearse({"--workdir", directory}, {"sh", "-c", "exit 3"});
    EXPECT_EQ(result.status, 3) << directory << result.output;
  }
}

}  // namespace
}  // namespace dboot::testing
