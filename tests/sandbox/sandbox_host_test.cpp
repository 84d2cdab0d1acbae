#include "tests/sandbox/sandbox_host.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "shared/proc/namespace.hpp"

// That the sandbox of the other tests holds, and that its comparison sees what they look for.
namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(SandboxHost, CommandsRunInItsNamespaces) {
  const SandboxHost host;
  const auto inside = host.run({"/bin/sh", "-c", "readlink /proc/self/ns/pid /proc/1/ns/pid"});
  EXPECT_EQ(inside.status, 0);
  const auto outside = namespace_of("self", "pid").value().inode;
  EXPECT_THAT(inside.output, ::testing::Not(HasSubstr(std::to_string(outside))));
  const std::size_t half = inside.output.size() / 2;
  EXPECT_EQ(inside.output.substr(0, half), inside.output.substr(half));
}

TEST(SandboxHost, StatusOfACommandIsItsOwn) {
  const SandboxHost host;
  EXPECT_EQ(host.run({"/bin/sh", "-c", "exit 7"}).status, 7);
  EXPECT_EQ(host.run({"/bin/sh", "-c", "kill -9 $$"}).status, 137);
}

TEST(SandboxHost, NothingDeniesATakeoverOfIt) {
  const SandboxHost host;
  EXPECT_NE(host.run({"/bin/sh", "-c", "test -e /etc/dboot/deny"}).status, 0);
}

TEST(SandboxHost, SysctlsOfTheMachineAreReadOnly) {
  const SandboxHost host;
  EXPECT_THAT(host.run({"/bin/sh", "-c", "echo 0 > /proc/sys/kernel/panic"}).output,
              HasSubstr("Read-only file system"));
}

TEST(HostState, IsTheSameAtEveryLook) {
  const SandboxHost host;
  const HostState first = host.state();
  EXPECT_THAT(differences(first, host.state()), IsEmpty());
  for (const char* key : {"pid 1 exe", "pid 1 State", "hostname", "sysctl kernel/panic",
                          "dev /dev/null", "address lo "}) {
    EXPECT_TRUE(first.contains(key)) << key;
  }
}

TEST(HostState, SeesWhatATakeoverCouldLeaveBehind) {
  const SandboxHost host;
  const auto changed_by = [&](const std::string& command) {
    const HostState before = host.state();
    const auto result = host.run({"/bin/sh", "-c", command});
    EXPECT_EQ(result.status, 0) << result.output;
    return differences(before, host.state());
  };
  EXPECT_THAT(changed_by("mkdir /run/dboot"), ElementsAre(StartsWith("new: run /run/dboot:")));
  EXPECT_THAT(changed_by("mount -t tmpfs dboot /run/dboot"),
              Contains(AllOf(StartsWith("new: mount"), HasSubstr("/run/dboot"))));
  EXPECT_THAT(changed_by("umount /run/dboot; rmdir /run/dboot"), ::testing::SizeIs(2));
  EXPECT_THAT(changed_by("mount -t tmpfs one /run && umount /run"), IsEmpty());
  EXPECT_THAT(changed_by("chmod 600 /dev/null"),
              ElementsAre(StartsWith("changed: dev /dev/null:")));
  EXPECT_THAT(changed_by("busybox ifconfig lo up"), ::testing::Not(IsEmpty()));
  EXPECT_THAT(changed_by("sleep 1000 > /dev/null 2>&1 &"),
              ElementsAre(AllOf(StartsWith("new: process"), HasSubstr("sleep"))));
}

TEST(HostState, SeesAnotherPid1) {
  SandboxHost host;
  const HostState before = host.state();
  host.replace_pid_1({"/bin/busybox", "sleep", "1000"});
  EXPECT_THAT(differences(before, host.state()),
              Contains(AllOf(StartsWith("changed: pid 1 exe:"), HasSubstr("busybox"))));
}

}  // namespace
}  // namespace dboot::testing
