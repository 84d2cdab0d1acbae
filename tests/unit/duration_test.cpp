#include "shared/text/duration.hpp"

#include <gtest/gtest.h>

namespace dboot {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("90"), 90s);
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("10m"), 10min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("1d"), 24h);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("366d"), 366 * 24h);
  for (const char* text : {"", "s", "m", "-1", "-1m", "1.5h", "10 m", "10M", "1h30m", "367d",
                           "4294967296", "99999999999999999999", "0x10"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, IsToldInWords) {
  EXPECT_EQ(in_words(0s), "0 seconds");
  EXPECT_EQ(in_words(1s), "1 second");
  EXPECT_EQ(in_words(59s), "59 seconds");
  EXPECT_EQ(in_words(60s), "1 minute");
  EXPECT_EQ(in_words(61s), "1 minute 1 second");
  EXPECT_EQ(in_words(9min + 59s), "9 minutes 59 seconds");
  EXPECT_EQ(in_words(10min + 59s), "10 minutes");
  EXPECT_EQ(in_words(90min), "1 hour 30 minutes");
  EXPECT_EQ(in_words(2h), "2 hours");
  EXPECT_EQ(in_words(24h + 1h + 1min), "1 day 1 hour");
  EXPECT_EQ(in_words(24h + 1min), "1 day");
}

}  // namespace
}  // namespace dboot
