#include "shared/log/log.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <string>

#include "shared/log/sinks.hpp"
#include "shared/system/unique_fd.hpp"

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

/// What two logs have written, the first from warnings on.
TEST(Log, WritesFromItsLevelOnAndToItsOwnSinks) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  {
    Log first;
    Log second(Log::Style::report);
    first.set_level(Level::warning);
    first.set_phase("release");
    first.add_sink(sinks::file(UniqueFd(ends[1])));
    second.warning("to nobody");
    first.info("too low");
    first.error("still busy", {{"device", "vda"}});
  }
  const UniqueFd out(ends[0]);
  std::array<char, 256> text{};
  const auto size = ::read(out.get(), text.data(), text.size());
  ASSERT_GT(size, 0);
  EXPECT_THAT(std::string(text.data(), static_cast<std::size_t>(size)),
              testing::EndsWith("error release still busy device=vda\n"));
}

}  // namespace
}  // namespace dboot::log
