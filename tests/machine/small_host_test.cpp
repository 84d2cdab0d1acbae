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

/// The init of a container, of another architecture than dboot-inject. The kernel of whatever runs
/// the tests need not be one that executes it.
TEST(SmallHost, AnInitOf32BitIsRefusedAndLeftAlone) {
  SmallHost host({.files = {files::program("init-32-bit")}});
  auto& shell = host.shell();
  shell.output_of("unshare -f -p -m -u -i -n --mount-proc /opt/init-32-bit >/dev/null 2>&1 &");
  const auto pid = shell.output_of("until pidof init-32-bit; do :; done");
  const Output output =
      shell.run("nsenter -t " + pid + " -p -m -u -i -n dboot-inject --yes /opt/busybox.tar sh");
  EXPECT_EQ(output.status, 125);
  EXPECT_THAT(output.text, HasSubstr("is a program of another architecture than dboot-inject"));
  EXPECT_EQ(shell.output_of("readlink /proc/" + pid + "/exe; grep State /proc/" + pid + "/status"),
            "/opt/init-32-bit\nState:\tS (sleeping)");
}

TEST(SmallHost, TheConsoleThatIsAskedForIsWhereTheNewSystemIs) {
  SmallHost host;
  // It stays: the kernel drops what a serial line has not sent when the leader of its session ends.
  host.take_over("--console ttyS1", "sh -c 'echo here is $(tty); read -r line'");
  host.machine().line().expect("hand-over finished", 60s);
  host.machine().line().expect("^here is /dev/ttyS1$");
}

}  // namespace
}  // namespace dboot::machine
