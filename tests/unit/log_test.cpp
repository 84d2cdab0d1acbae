#include "shared/log/log.hpp"

#include <gmock/gmock.h>

namespace dboot::log {
namespace {

using std::chrono::microseconds;

TEST(LogRecord, HasTimeLevelPhaseMessageAndFacts) {
  EXPECT_EQ(format_record(microseconds(1'000'042), Level::info, "release", "unmounted",
                          {{"path", "/mnt"}, {"count", 3}, {"took", microseconds(1500)}}),
            "[1.000042] info release unmounted path=/mnt count=3 took=1.5ms");
}

TEST(LogRecord, ValueThatIsNotAPlainWordIsAString) {
  EXPECT_EQ(format_record({}, Level::warning, "x", "m",
                          {{"a", ""}, {"b", "two words"}, {"c", "q\"\\\n\x01"}}),
            R"([0.000000] warning x m a="" b="two words" c="q\"\\\n\x01")");
}

TEST(LogRecord, MessageStaysOneLine) {
  EXPECT_EQ(format_record({}, Level::error, "x", "a\nb\x1b[2J", {}),
            "[0.000000] error x a\\nb\\x1b[2J");
}

TEST(LogLevel, IsFoundByItsName) {
  EXPECT_EQ(level_from("warning"), Level::warning);
  EXPECT_EQ(level_from("loud"), std::nullopt);
}

}  // namespace
}  // namespace dboot::log
