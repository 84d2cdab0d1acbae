#include "injector/rehearsal/escape_keys.hpp"

#include <gtest/gtest.h>

namespace dboot {
namespace {

using namespace std::chrono_literals;

constexpr EscapeKeys::TimePoint start(1h);

TEST(EscapeKeys, ThreeWithinASecondAreComplete) {
  EscapeKeys keys;
  EXPECT_FALSE(keys.complete("\x1d", start));
  EXPECT_FALSE(keys.complete("\x1d", start + 500ms));
  EXPECT_TRUE(keys.complete("\x1d", start + 1s));
}

TEST(EscapeKeys, MayComeAtOnceAndAfterOthers) {
  EXPECT_TRUE(EscapeKeys().complete("ls\x1d\x1d\x1d", start));
}

TEST(EscapeKeys, AnotherKeyBetweenThemBeginsAnew) {
  EscapeKeys keys;
  EXPECT_FALSE(keys.complete("\x1d\x1dx\x1d", start));
  EXPECT_FALSE(keys.complete("\x1d", start));
  EXPECT_TRUE(keys.complete("\x1d", start));
}

TEST(EscapeKeys, SlowOnesDoNotCount) {
  EscapeKeys keys;
  EXPECT_FALSE(keys.complete("\x1d", start));
  EXPECT_FALSE(keys.complete("\x1d", start + 700ms));
  EXPECT_FALSE(keys.complete("\x1d", start + 1001ms));
  EXPECT_TRUE(keys.complete("\x1d", start + 1700ms));
}

}  // namespace
}  // namespace dboot
