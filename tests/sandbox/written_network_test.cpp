// The network of a host, as the new system finds it written down.
#include <gmock/gmock.h>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class WrittenNetwork : public ::testing::Test {
 protected:
  WrittenNetwork() {
    TarBuilder tar;
    add_busybox(tar).directory("sbin").file("sbin/ifup", "", 0755);
    write_text(image_, tar.finish());
    // That of a rented server.
    const auto configured =
        host_.run({"/bin/sh", "-ec",
                   "ip link add eth0 address 52:54:00:00:00:01 type veth peer name far\n"
                   "ip link set far up; ip link set eth0 up\n"
                   "ip address add 192.0.2.10/32 dev eth0\n"
                   "ip route add default via 198.51.100.1 dev eth0 onlink\n"});
    EXPECT_EQ(configured.status, 0) << configured.output;
  }

  SandboxHost::Result inject(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{DBOOT_INJECT};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return host_.run(command);
  }

  TemporaryDirectory directory_;
  const std::string image_ = directory_ / "image.tar";
  SandboxHost host_;
};

TEST_F(WrittenNetwork, IsThereInARehearsal) {
  const auto result = inject(
      {"--rehearse", "--write-network", image_, "busybox", "cat", "/etc/network/interfaces"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("network written for the image format=ifupdown"),
                    HasSubstr("    up ip address replace 192.0.2.10/32 dev eth0\n"),
                    HasSubstr("    up ip route replace default via 198.51.100.1 dev eth0 onlink\n"),
                    Not(HasSubstr("fe80::"))));
}

TEST_F(WrittenNetwork, IsTakenAlongAsADryRunSays) {
  const auto result = inject({"--dry-run", "--write-network", image_, "sh"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("network: the kernel as /etc/network/interfaces"));
  EXPECT_THAT(inject({"--dry-run", image_, "sh"}).output, Not(HasSubstr("interfaces")));
}

TEST_F(WrittenNetwork, IsNotWrittenForAnImageThatCannotReadIt) {
  write_text(image_, busybox_image());
  const auto result = inject({"--rehearse", "--write-network", image_, "sh"});
  EXPECT_EQ(result.status, 125) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("nothing that configures a network"),
                                   HasSubstr("leave --write-network out")));
}

}  // namespace
}  // namespace dboot::testing
