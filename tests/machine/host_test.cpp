#include <gmock/gmock.h>

#include "tests/machine/driver/host.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

// What all other machine tests stand on.
TEST(Host, RunsSystemdAnEngineWithImagesAndSwap) {
  Host host(Host::Console::serial);
  EXPECT_EQ(host.shell().output_of("readlink /proc/1/exe"), "/usr/lib/systemd/systemd");
  EXPECT_THAT(host.shell().output_of("docker images"), HasSubstr("busybox"));
  EXPECT_THAT(host.shell().output_of("cat /proc/swaps"), HasSubstr("/dev/vda2"));
  EXPECT_EQ(host.run("exit_with() { return $1; }; exit_with 7").status, 7);
  host.shell().start("poweroff");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  const Output check = host.check_root();
  EXPECT_EQ(check.status, 0) << check.text;
}

}  // namespace
}  // namespace dboot::machine
