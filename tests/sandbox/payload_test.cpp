#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sandbox/old_system.hpp"

namespace dboot::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST(Payload, PassesTheExitStatusOfTheCommandOn) {
  OldSystem system;
  system.command("exit 7");
  EXPECT_EQ(system.run(), 7) << system.output();
}

TEST(Payload, LeavesNoMountOfTheOldRoot) {
  OldSystem system;
  system.command("echo BEGIN; cat /proc/mounts; echo END; ls -a /");
  ASSERT_EQ(system.run(), 0) << system.output();
  const auto& output = system.output();
  const auto mounts = output.substr(output.find("BEGIN\n"));
  EXPECT_THAT(mounts, Not(HasSubstr("old-root")));
  EXPECT_THAT(mounts, Not(HasSubstr("/dev/vda")));
  EXPECT_THAT(mounts, AllOf(HasSubstr(" /proc "), HasSubstr(" /dev "), HasSubstr(" /run/dboot ")));
}

}  // namespace
}  // namespace dboot::test
