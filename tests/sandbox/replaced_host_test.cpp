#include <gmock/gmock.h>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

// A takeover of the injector's own PID 1, for real, by the payload that is shipped: what a
// rehearsal cannot show, because there the target is never the injector's own.
namespace dboot::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReplacedHost : public ::testing::Test {
 protected:
  ReplacedHost() { write_text(directory_ / "image.tar", busybox_image()); }

  SandboxProcess take_over(const std::string& script) const {
    return host_.start(
        {DBOOT_INJECT, "--yes", directory_ / "image.tar", "--", "/bin/sh", "-c", script});
  }

  TemporaryDirectory directory_;
  SandboxHost host_;
  std::string console_;
};

TEST_F(ReplacedHost, EndsWithTheStatusOfItsCommand) {
  const SandboxProcess injector = take_over("exit 7");
  EXPECT_EQ(host_.attend(console_), 7);
}

TEST_F(ReplacedHost, HasNoProcessOfTheOldSystem) {
  const SandboxProcess deaf = host_.start({"/bin/sh", "-c", "trap '' TERM; exec sleep 1000"});
  const SandboxProcess plain = host_.start({"/bin/sleep", "1000"});
  const SandboxProcess injector =
      take_over("for p in /proc/[0-9]*; do echo \"process $(cat $p/comm)\"; done; exit 0");
  EXPECT_EQ(host_.attend(console_), 0);
  EXPECT_THAT(console_, HasSubstr("process dboot-init"));
  EXPECT_THAT(console_, Not(HasSubstr("process sleep")));
  EXPECT_THAT(console_, Not(HasSubstr("process dboot-inject")));
}

TEST_F(ReplacedHost, HasNoMountOfTheOldSystem) {
  const SandboxProcess injector =
      take_over("while read -r l; do echo \"mount $l\"; done < /proc/mounts");
  EXPECT_EQ(host_.attend(console_), 0);
  EXPECT_THAT(console_, HasSubstr("mount dboot-root / tmpfs"));
  EXPECT_THAT(console_, Not(HasSubstr("mount /dev/")));
  EXPECT_THAT(console_, Not(HasSubstr(".old-root")));
}

TEST_F(ReplacedHost, HasTheMountsThatAreKept) {
  const std::string mount =
      "mount -t tmpfs kept /srv && mkdir /srv/in && mount -t tmpfs inner /srv/in && "
      "echo written before >/srv/in/file && mount -t tmpfs left /mnt";
  ASSERT_EQ(host_.run({"/bin/sh", "-e", "-c", mount}).status, 0);
  const SandboxProcess injector = host_.start(
      {DBOOT_INJECT, "--yes", "--keep", "/srv", directory_ / "image.tar", "--", "/bin/sh", "-c",
       "cat /srv/in/file && echo written after >/srv/in/file && cat /srv/in/file; "
       "while read -r l; do echo \"mount $l\"; done < /proc/mounts; exit 0"});
  EXPECT_EQ(host_.attend(console_), 0);
  EXPECT_THAT(console_, HasSubstr("mount kept mount=/srv"));
  EXPECT_THAT(console_, HasSubstr("written before"));
  EXPECT_THAT(console_, HasSubstr("written after"));
  EXPECT_THAT(console_, HasSubstr("mount kept /srv tmpfs"));
  EXPECT_THAT(console_, HasSubstr("mount inner /srv/in tmpfs"));
  EXPECT_THAT(console_, Not(HasSubstr("mount left")));
}

/// Who finds an empty directory might write anew.
TEST_F(ReplacedHost, IsNoneWhereAMountIsNotThereAnyMore) {
  ASSERT_EQ(host_.run({"mount", "-t", "tmpfs", "kept", "/srv"}).status, 0);
  const std::string image_in_pieces = "{ cat " + (directory_ / "image.tar").string() +
                                      "; umount /srv; } | " DBOOT_INJECT " --yes --keep /srv - sh";
  const auto result = host_.run({"/bin/sh", "-c", image_in_pieces});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output, HasSubstr("/srv is no mount point"));
}

TEST_F(ReplacedHost, StartsItsCommandWithASignalStateAsFresh) {
  // Busybox's shell ignores SIGQUIT for the last command of a script.
  const SandboxProcess injector =
      take_over("grep -E '^Sig(Blk|Ign)' /proc/1/status /proc/$$/status /proc/self/status; exit 0");
  EXPECT_EQ(host_.attend(console_), 0);
  for (const char* line :
       {"/proc/1/status:SigBlk:\t0000000000000000", "/proc/1/status:SigIgn:\t0000000000000000",
        "/proc/self/status:SigBlk:\t0000000000000000",
        "/proc/self/status:SigIgn:\t0000000000000000"}) {
    EXPECT_THAT(console_, HasSubstr(line));
  }
}

TEST_F(ReplacedHost, KeepsTheLogOfThePayload) {
  const SandboxProcess injector =
      take_over("cat /run/dboot/payload.log > /dev/console; ls -ld /run/dboot");
  EXPECT_EQ(host_.attend(console_), 0);
  for (const char* phase : {"terminate finished", "release finished", "hand-over finished"}) {
    EXPECT_THAT(console_, HasSubstr(phase));
  }
}

}  // namespace
}  // namespace dboot::testing
