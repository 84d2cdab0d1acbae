#include "injector/preflight/selinux.hpp"

#include <gtest/gtest.h>

namespace dboot::selinux {
namespace {

TEST(SeLinux, AnswerOfThePolicyIsReadByItsFields) {
  const auto decision = parse_decision("1c0 ffffffff 0 ffffffff 12 0");
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->allowed, 0x1c0U);
  EXPECT_FALSE(decision->permissive);
  EXPECT_TRUE(parse_decision("0 ffffffff 0 ffffffff 12 1")->permissive);
}

TEST(SeLinux, AnswerThatIsNoneIsNotTakenForOne) {
  for (const char* answer : {"", "1c0", "1c0 ffffffff 0 ffffffff 12", "x ffffffff 0 ffffffff 12 0",
                             "1c0 ffffffff 0 ffffffff 12 y"})
    EXPECT_FALSE(parse_decision(answer)) << answer;
}

}  // namespace
}  // namespace dboot::selinux
