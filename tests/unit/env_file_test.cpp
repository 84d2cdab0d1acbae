#include "injector/env_file.hpp"

#include <gmock/gmock.h>

#include "tests/support/failure_of.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::env_file {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(EnvFile, IsReadAsByDockerRun) {
  ::setenv("DBOOT_TEST_HERE", "yes", 1);
  ::unsetenv("DBOOT_TEST_NOT_HERE");
  EXPECT_THAT(
      parse("A=1\n# a comment\n\n  B= x \"y\" # no comment\r\nC=\n\tD=a=b\n"
            "DBOOT_TEST_HERE\nDBOOT_TEST_NOT_HERE\nE=last",
            "f"),
      ElementsAre("A=1", "B= x \"y\" # no comment", "C=", "D=a=b", "DBOOT_TEST_HERE", "E=last"));
  EXPECT_THAT(parse("\xef\xbb\xbf"
                    "A=1\n",
                    "f"),
              ElementsAre("A=1"));
  EXPECT_THAT(parse("", "f"), IsEmpty());
}

TEST(EnvFile, MistakesNameTheLine) {
  const auto refusal = [](const std::string& text) {
    return failure_of([&] { parse(text, "f"); });
  };
  EXPECT_THAT(refusal("A=1\n=2\n"),
              AllOf(HasSubstr("--env-file f, line 2: the variable has no name"),
                    HasSubstr("write NAME=VALUE")));
  EXPECT_THAT(refusal("A B=1"), HasSubstr("the name 'A B' contains a blank"));
  EXPECT_THAT(refusal(std::string("A=\0x", 4)), HasSubstr("a NUL byte"));
  EXPECT_THAT(failure_of([] { read("/nonexistent/file"); }),
              HasSubstr("cannot open --env-file /nonexistent/file: No such file"));
  EXPECT_THAT(failure_of([] { read("/"); }), HasSubstr("Is a directory"));
  EXPECT_THAT(failure_of([] { read("/dev/zero"); }), HasSubstr("more than 1 MiB"));
}

}  // namespace
}  // namespace dboot::env_file
