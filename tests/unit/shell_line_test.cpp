#include "shared/command_line/shell_line.hpp"

#include <gmock/gmock.h>

namespace dboot::shell_line {
namespace {

using ::testing::ElementsAre;

TEST(ShellLine, IsSplitAsShellsDo) {
  EXPECT_THAT(split("").words, ElementsAre(""));
  EXPECT_THAT(split("dboot-log  a\tb").words, ElementsAre("dboot-log", "a", "b"));
  EXPECT_THAT(split("  dboot-log a ").words, ElementsAre("dboot-log", "a", ""));
  EXPECT_THAT(split(R"(x a\ b 'c d'"e f"\'g)").words, ElementsAre("x", "a b", "c de f'g"));
  EXPECT_THAT(split(R"(x "a\"b\c\\" '' ~/d)").words, ElementsAre("x", R"(a"b\c\)", "", "~/d"));
}

TEST(ShellLine, MayEndWithinQuotes) {
  EXPECT_THAT(split("x 'a b").words, ElementsAre("x", "a b"));
  EXPECT_THAT(split(R"(x "a b )").words, ElementsAre("x", "a b "));
  EXPECT_THAT(split("x '").words, ElementsAre("x", ""));
  EXPECT_THAT(split(R"(x a\)").words, ElementsAre("x", R"(a\)"));
}

TEST(ShellLine, KnowsWhereThePartBeginsThatAShellReplaces) {
  EXPECT_EQ(split("x --modules=lo", 2).part_begins, 10U);
  EXPECT_EQ(split("x --modules=", 0).part_begins, 10U);
  EXPECT_EQ(split("x --modules=lo", 12).part_begins, 0U);
  EXPECT_EQ(split("x '/tmp/my d", 9).part_begins, 0U);
  EXPECT_EQ(split(R"(x "/tmp/my "dir)", 3).part_begins, 8U);
  EXPECT_EQ(split(R"(x a\ b:c\ d)", 4).part_begins, 4U);
  EXPECT_EQ(split("x a", 99).part_begins, 0U);
}

}  // namespace
}  // namespace dboot::shell_line
