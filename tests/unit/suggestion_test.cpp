#include "shared/command_line/suggestion.hpp"

#include <gtest/gtest.h>

namespace dboot::command_line {
namespace {

TEST(Suggestion, DistanceCountsMistakesOfTyping) {
  EXPECT_EQ(distance("", ""), 0U);
  EXPECT_EQ(distance("grace", "grace"), 0U);
  EXPECT_EQ(distance("grace", "grce"), 1U);
  EXPECT_EQ(distance("grace", "ggrace"), 1U);
  EXPECT_EQ(distance("grace", "grave"), 1U);
  EXPECT_EQ(distance("grace", "garce"), 1U);
  EXPECT_EQ(distance("grace", ""), 5U);
}

TEST(Suggestion, IsTheNearest) {
  const std::vector<std::string> names{"--rehearse", "--dry-run", "--log-to",   "--log-level",
                                       "--grace",    "--hook",    "--keep-ssh", "-t"};
  EXPECT_EQ(nearest("--rehears", names), "--rehearse");
  EXPECT_EQ(nearest("--rehaerse", names), "--rehearse");
  EXPECT_EQ(nearest("-rehearse", names), "--rehearse");
  EXPECT_EQ(nearest("--rehersal", names), "--rehearse");
  EXPECT_EQ(nearest("--dryrun", names), "--dry-run");
  EXPECT_EQ(nearest("--grcae", names), "--grace");
  EXPECT_EQ(nearest("--keep", names), "--keep-ssh");
}

TEST(Suggestion, OfThoseThatBeginWithItIsTheOneThatTheOthersBeginWith) {
  EXPECT_EQ(nearest("--kee", {"--keep-ssh", "--keep", "--keep-network"}), "--keep");
}

TEST(Suggestion, IsNoneWhereNothingIsNearOrTwoAre) {
  const std::vector<std::string> names{"--log-to", "--log-level", "--env", "-t"};
  for (const char* word : {"--log", "--nonsense", "-x", "--", "", "--e", "--enx"})
    EXPECT_EQ(nearest(word, names), "") << word;
}

}  // namespace
}  // namespace dboot::command_line
