#include "injector/run_options.hpp"

#include <gmock/gmock.h>

namespace dboot::run_options {
namespace {

using testing::HasSubstr;

TEST(RunOptions, AreKnownByTheirNameAlone) {
  for (const char* option :
       {"-i", "-it", "-itd", "-/a:/b", "--rm", "-d", "-v", "--volume", "--volume=/a:/b", "-p",
        "--publish", "--network=host", "--privileged", "--memory", "--platform", "--name"}) {
    const auto advice = about(option);
    ASSERT_TRUE(advice) << option;
    EXPECT_FALSE(advice->why.empty() || advice->mend.empty()) << option;
  }
  EXPECT_THAT(about("--volume=/a:/b")->mend, HasSubstr("--copy HOSTPATH[:PATH]"));
}

TEST(RunOptions, AreNoOthers) {
  for (const char* option : {"--rehearse", "--env", "-e", "volume", "", "-", "--", "--vol", "-x"})
    EXPECT_FALSE(about(option)) << option;
}

}  // namespace
}  // namespace dboot::run_options
