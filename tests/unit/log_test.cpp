#include "shared/log/log.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "shared/log/sinks.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::log {
namespace {

using std::chrono::microseconds;

Record record(std::string message, std::initializer_list<Fact> facts = {}) {
  return {microseconds(1'000'042), Level::info, "release", std::move(message), facts};
}

TEST(LogRecord, HasTimeLevelPhaseMessageAndFacts) {
  EXPECT_EQ(
      format(record("unmounted", {{"path", "/mnt"}, {"count", 3}, {"took", microseconds(1500)}})),
      "[1.000042] info release unmounted path=/mnt count=3 took=1.5ms");
}

TEST(LogRecord, ValueThatIsNotAPlainWordIsAString) {
  EXPECT_EQ(format(record("m", {{"a", ""}, {"b", "two words"}, {"c", "q\"\\\n\x01"}})),
            R"([1.000042] info release m a="" b="two words" c="q\"\\\n\x01")");
}

TEST(LogRecord, MessageStaysOneLineAndIsNoFact) {
  EXPECT_EQ(format(record("a\nb\x1b[2J c=d \\")),
            R"([1.000042] info release a\nb\x1b[2J c\x3dd \\)");
}

TEST(LogRecord, ParsesBackToWhatItWasMadeOf) {
  const std::string all_bytes = [] {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
    return bytes;
  }();
  for (const auto& original :
       {record("started"), record("two words", {{"key_1", ""}, {"b", "x=y"}, {"b", "again"}}),
        record("quotes \"q\" =", {{"path", "/mnt/a b"}, {"end", "\\"}}),
        record(all_bytes, {{"value", all_bytes}})}) {
    const auto line = format(original);
    const auto parsed = parse(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_EQ(*parsed, original) << line;
  }
}

TEST(LogRecord, OtherLinesAreNone) {
  for (const std::string line :
       {"", "[", "text", "[1.5] info wake x", "[1.000000] info wake", "[1.000000] loud wake x",
        "[-1.000000] info wake x", "[1.-00000] info wake x", "[1.000000]info wake x",
        "[1.000000] info wake k=v", "[1.000000] info wake x k=", "[1.000000] info wake x k=\"",
        "[1.000000] info wake x k=\"\\\"", "[1.000000] info wake x k=v=\"",
        "[1.000000] info wake x k=v rest", "[1.000000] info wake x K=v",
        "[1.000000] info wake x\\x3", "[1.000000] info wake x\\q",
        "[99999999999999999999.000000] info wake x"})
    EXPECT_FALSE(parse(line)) << line;
}

TEST(LogReport, IsForAPerson) {
  EXPECT_EQ(format_report(record("copied", {{"size", 5}})), "dboot-inject: copied size=5");
  Record error = record("no \"x\": it's gone", {{"mend", "try again"}});
  error.level = Level::error;
  EXPECT_EQ(format_report(error),
            "dboot-inject: error: no \"x\": it's gone\ndboot-inject: to mend it: try again");
}

TEST(LogLevel, IsFoundByItsName) {
  EXPECT_EQ(level_from("warning"), Level::warning);
  EXPECT_EQ(level_from("loud"), std::nullopt);
}

/// Lines of a log, as its sinks have got them.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    sink_ = sinks::file(UniqueFd(ends_[1]));
  }
  ~LogTest() override { ::close(ends_[0]); }

  /// What has come since the last call; a pipe holds all of it.
  std::vector<Record> lines() {
    std::array<char, 4096> text{};
    const auto size = ::read(ends_[0], text.data(), text.size());
    std::vector<Record> records;
    const std::string read(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    for (const auto line : lines_of(read)) records.push_back(parse(line).value());
    return records;
  }

  std::array<int, 2> ends_{};
  sinks::Sink sink_;
  Log log_;
};

TEST_F(LogTest, GivesASinkLinesFromItsLevelOn) {
  Log to_nobody;
  to_nobody.error("to nobody");
  log_.set_phase("release");
  log_.add_sink(sink_, Level::warning);
  log_.info("too low");
  log_.error("still busy", {{"device", "vda"}});
  const auto got = lines();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].message, "still busy");
  EXPECT_EQ(got[0].phase, "release");
  EXPECT_EQ(got[0].fact("device"), "vda");
}

TEST_F(LogTest, BeginsOnceWithTheTimeOfTheDay) {
  log_.add_sink(sink_);
  log_.begin("dboot-init");
  log_.begin("dboot-init");
  const auto got = lines();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].fact("format"), "1");
  EXPECT_EQ(got[0].fact("program"), "dboot-init");
  EXPECT_THAT(std::string(got[0].fact("time").value_or("")),
              testing::MatchesRegex("20[0-9-]+T[0-9:]+Z"));
}

TEST_F(LogTest, PhaseBeginsWithTheNumberOfItsLine) {
  log_.set_level(Level::debug);
  log_.set_lines(40);
  log_.add_sink(sink_, Level::info);
  log_.begin("dboot-init");
  log_.trace("does not count");
  log_.debug("counts, whoever sees it");
  log_.begin_phase("wake");
  const auto got = lines();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].message, "started");
  EXPECT_EQ(got[0].fact("line"), "42");
}

}  // namespace
}  // namespace dboot::log
