#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

TEST(SmallHost, IsUpAndIsTakenOver) {
  for (const std::string root : {"tmpfs", "disk"}) {
    SmallHost host({.root = root});
    EXPECT_EQ(host.shell().output_of("readlink /proc/1/exe"), "/bin/busybox");
    host.take_over("", "sh");
    host.console().expect("^/ # ", 60s);
    host.console().send_line("cat /run/dboot/payload.log");
    EXPECT_THAT(host.console().expect("hand-over finished"), HasSubstr("busy=0"));
    host.console().send_line("poweroff");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  }
}

TEST(SmallHost, ThatLivesInItsInitramfsIsRefused) {
  SmallHost host({.root = "rootfs"});
  const Output output = host.shell().run("dboot-inject --yes --force /opt/busybox.tar sh");
  EXPECT_EQ(output.status, 125);
  EXPECT_THAT(output.text, HasSubstr("lives in its initramfs"));
  EXPECT_EQ(host.shell().output_of("readlink /proc/1/exe; ls /run"), "/bin/busybox");
}

TEST(SmallHost, TheConsoleThatIsAskedForIsWhereTheNewSystemIs) {
  SmallHost host;
  host.take_over("--console ttyS1", "sh -c 'echo here is $(tty)'");
  host.machine().line().expect("hand-over finished", 60s);
  host.machine().line().expect("^here is /dev/ttyS1$");
}

}  // namespace
}  // namespace dboot::machine
