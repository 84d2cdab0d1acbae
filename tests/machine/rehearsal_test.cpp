// What a rehearsal keeps from the machine that it runs on.
#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

TEST(Rehearsal, KeepsTheMistakesOfAPayloadFromTheMachine) {
  SmallHost host({.root = "disk", .files = {files::program("careless-payload")}});
  auto& shell = host.shell();
  shell.output_of("touch /tmp/there");
  const auto mounts = shell.output_of("cat /proc/self/mountinfo");
  shell.output_of(
      "dboot-inject --rehearse --payload /opt/careless-payload /opt/busybox.tar "
      "</dev/null >/tmp/out 2>/tmp/err");
  EXPECT_EQ(shell.output_of("cat /tmp/out"),
            "make a file: EROFS\n"
            "remount /: EPERM\n"
            "remount //.: EPERM\n"
            "pick /: EPERM\n"
            "unmount /: EPERM\n"
            "unmount /..: EPERM\n"
            "unmount .: EPERM\n"
            "find what lies in /tmp: ENOENT\n"
            "open a disk: ENOENT\n"
            "make a device: EPERM\n"
            "mount devices: EPERM\n"
            "open devices: EPERM\n"
            "mount in memory: done\n"
            "freeze a filesystem: EPERM\n"
            "mount in memory again: done\n"
            "clear the log of the kernel: EPERM\n"
            "swap off: EPERM\n"
            "load a kernel: EPERM\n"
            "load a module: EPERM\n"
            "set the time: EPERM\n"
            "press a key: EROFS\n"
            "set a sysctl: EROFS");
  const auto words = shell.output_of("cat /tmp/err");
  EXPECT_THAT(words, HasSubstr("refused in a rehearsal: a remount of / may be one of a filesystem "
                               "of the whole machine"));
  EXPECT_THAT(words, HasSubstr("refused in a rehearsal: what a devtmpfs shows is of the whole "
                               "machine"));
  EXPECT_THAT(words, HasSubstr("the kernel of a machine panics"));
  EXPECT_EQ(shell.output_of("cat /proc/self/mountinfo"), mounts);
  EXPECT_EQ(shell.output_of("touch /etc/mine; ls -1 /etc"), "inittab\nmine\npasswd");
}

}  // namespace
}  // namespace dboot::machine
