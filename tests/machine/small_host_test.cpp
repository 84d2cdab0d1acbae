#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

TEST(SmallHost, IsUpAndIsTakenOver) {
  for (const std::string root : {"tmpfs", "disk"}) {
    SmallHost host({root, 512, ""});
    EXPECT_EQ(host.shell().output_of("readlink /proc/1/exe"), "/bin/busybox");
    host.shell().start("dboot-inject --yes /opt/busybox.tar sh");
    host.console().expect("^/ # ", 60s);
    host.console().send_line("cat /run/dboot/payload.log");
    EXPECT_THAT(host.console().expect("hand-over finished"), HasSubstr("busy=0"));
    host.console().send_line("poweroff");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  }
}

}  // namespace
}  // namespace dboot::machine
