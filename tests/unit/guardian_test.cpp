#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "payload/guardian/note.hpp"
#include "payload/guardian/old_disks.hpp"
#include "payload/guardian/superblock.hpp"
#include "payload/guardian/vigil.hpp"

namespace dboot::guardian {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Request::Kind;
using State = Vigil::State;

constexpr Vigil::Time begin{};

/// Whose time has begun.
Vigil vigil_of(std::chrono::seconds within) {
  Vigil vigil(begin, within);
  vigil.begin(begin);
  return vigil;
}

TEST(Vigil, GoesBackWhenNobodyConfirms) {
  auto vigil = vigil_of(10min);
  EXPECT_EQ(vigil.state_at(begin + 10min - 1s), State::waiting);
  EXPECT_EQ(vigil.left(begin + 9min), 60s);
  EXPECT_EQ(vigil.state_at(begin + 10min), State::going_back);
  EXPECT_EQ(vigil.reason(), "nobody has confirmed in time");
  // Then it is too late.
  EXPECT_FALSE(vigil.obey({Kind::confirm}, begin + 10min).is_obeyed);
  EXPECT_EQ(vigil.state_at(begin + 11min), State::going_back);
}

TEST(Vigil, StaysWhenSomebodyConfirms) {
  auto vigil = vigil_of(10min);
  EXPECT_TRUE(vigil.obey({Kind::confirm}, begin + 10min - 1s).is_obeyed);
  EXPECT_EQ(vigil.state_at(begin + 1h), State::confirmed);
  EXPECT_EQ(vigil.message_of_the_day(begin + 1h), "");
  // Twice is no mistake; what comes too late is told.
  EXPECT_TRUE(vigil.obey({Kind::confirm}, begin + 1h).is_obeyed);
  EXPECT_FALSE(vigil.obey({Kind::back}, begin + 1h).is_obeyed);
}

TEST(Vigil, WaitsForAsLongAsSomebodyAsksFor) {
  auto vigil = vigil_of(1min);
  const auto answer = vigil.obey({Kind::extend, 30min}, begin + 30s);
  EXPECT_TRUE(answer.is_obeyed);
  EXPECT_THAT(answer.words, HasSubstr("in 30 minutes"));
  EXPECT_EQ(vigil.state_at(begin + 30min), State::waiting);
  EXPECT_EQ(vigil.state_at(begin + 30min + 30s), State::going_back);
}

TEST(Vigil, GoesBackAtOnceWhereThatIsAskedFor) {
  auto vigil = vigil_of(10min);
  EXPECT_TRUE(vigil.obey({Kind::back}, begin).is_obeyed);
  EXPECT_EQ(vigil.state_at(begin), State::going_back);
  EXPECT_THAT(vigil.reason(), HasSubstr("--now-back"));
}

TEST(Vigil, DoesNotGoBackByItselfToWhatIsNotThereAnyMore) {
  auto vigil = vigil_of(10min);
  EXPECT_TRUE(vigil.note_change("vda1, vda2"));
  EXPECT_FALSE(vigil.note_change("vda1"));
  EXPECT_EQ(vigil.state_at(begin + 1h), State::disarmed);
  EXPECT_THAT(vigil.message_of_the_day(begin + 1h),
              AllOf(HasSubstr("vda1, vda2"), HasSubstr("does not reboot by itself")));
  EXPECT_FALSE(vigil.obey({Kind::extend, 1min}, begin + 1h).is_obeyed);
  EXPECT_EQ(vigil.state_at(begin + 2h), State::disarmed);
  EXPECT_TRUE(vigil.obey({Kind::confirm}, begin + 2h).is_obeyed);
}

TEST(Vigil, IsDisarmedInTheLastMomentUnlessSomebodyAsks) {
  auto late = vigil_of(1min);
  EXPECT_EQ(late.state_at(begin + 1min), State::going_back);
  EXPECT_TRUE(late.note_change("vda"));
  EXPECT_EQ(late.state_at(begin + 2min), State::disarmed);
  auto asked = vigil_of(1min);
  asked.obey({Kind::back}, begin);
  EXPECT_FALSE(asked.goes_by_itself());
  EXPECT_FALSE(asked.note_change("vda"));
  EXPECT_EQ(asked.state_at(begin), State::going_back);
}

TEST(Vigil, BeginsWithTheNewSystemAndIsRelievedWhereThereIsNone) {
  Vigil vigil(begin, 10min);
  EXPECT_EQ(vigil.state_at(begin + 30min), State::waiting);
  vigil.begin(begin + 30min);
  EXPECT_EQ(vigil.state_at(begin + 40min), State::going_back);
  Vigil forgotten(begin, 10min);
  EXPECT_EQ(forgotten.state_at(begin + 71min), State::going_back);
  auto failed = vigil_of(10min);
  failed.relieve();
  EXPECT_EQ(failed.state_at(begin + 24h), State::relieved);
  EXPECT_FALSE(failed.obey({Kind::extend, 1h}, begin).is_obeyed);
  EXPECT_FALSE(failed.note_change("vda"));
}

TEST(Vigil, SaysHowItStands) {
  auto vigil = vigil_of(90min);
  EXPECT_THAT(vigil.obey({Kind::status}, begin).words, HasSubstr("in 1 hour 30 minutes"));
  EXPECT_THAT(vigil.message_of_the_day(begin + 80min + 1s), HasSubstr("in 10 minutes "));
  EXPECT_THAT(vigil.message_of_the_day(begin + 89min + 10s), HasSubstr("in 50 seconds "));
}

TEST(Request, IsReadAsItWasWritten) {
  for (const auto kind : {Kind::confirm, Kind::status, Kind::back}) {
    const auto read = decode_request(encode(Request{kind}));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->kind, kind);
  }
  const auto read = decode_request(encode(Request{Kind::extend, 90s}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->by, 90s);
  for (const char* line : {"", "extend", "extend ", "extend x", "extend -1", "confirm ", "reboot"})
    EXPECT_FALSE(decode_request(line)) << line;
  const auto answer = decode_answer(encode(Answer{false, "too late"}));
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->is_obeyed);
  EXPECT_EQ(answer->words, "too late");
  EXPECT_FALSE(decode_answer("perhaps"));
}

using Bytes = std::vector<std::uint8_t>;

void put(Bytes& bytes, std::size_t at, std::string_view text) {
  std::memcpy(bytes.data() + at, text.data(), text.size());
}

TEST(Superblock, SaysWhatItIsAndWhich) {
  Bytes bytes(superblock_area);
  EXPECT_EQ(superblock_of(bytes), "");
  put(bytes, 0x438, "\x53\xef");
  put(bytes, 0x468, "0123456789abcdef");
  EXPECT_EQ(superblock_of(bytes), "ext 30313233343536373839616263646566");
  // What is counted at each mount is no difference.
  put(bytes, 0x434, "\x07");
  EXPECT_EQ(superblock_of(bytes), "ext 30313233343536373839616263646566");
  put(bytes, 0x468, "1");
  EXPECT_NE(superblock_of(bytes), "ext 30313233343536373839616263646566");
}

TEST(Superblock, OfEachKindIsKnown) {
  const std::vector<std::pair<std::size_t, std::string_view>> magics{{0, "XFSB"},
                                                                     {0x10040, "_BHRfS_M"},
                                                                     {0x400, "\x10\x20\xf5\xf2"},
                                                                     {0, "LUKS\xba\xbe"},
                                                                     {512, "LABELONE"},
                                                                     {4096, "\xfc\x4e\x2b\xa9"},
                                                                     {0, "\xfc\x4e\x2b\xa9"},
                                                                     {82, "FAT32   "},
                                                                     {54, "FAT16   "},
                                                                     {4086, "SWAPSPACE2"},
                                                                     {65526, "SWAPSPACE2"},
                                                                     {3, "NTFS    "},
                                                                     {3, "EXFAT   "}};
  const std::vector<std::string> kinds{"xfs", "btrfs", "f2fs", "luks", "lvm",  "md",   "md",
                                       "fat", "fat",   "swap", "swap", "ntfs", "exfat"};
  for (std::size_t at = 0; at < magics.size(); ++at) {
    Bytes bytes(superblock_area);
    put(bytes, magics[at].first, magics[at].second);
    EXPECT_THAT(superblock_of(bytes), ::testing::StartsWith(kinds[at]));
  }
  // An area of swap is made anew by any installer.
  Bytes bytes(superblock_area);
  put(bytes, 4086, "SWAPSPACE2");
  EXPECT_EQ(superblock_of(bytes), "swap");
}

TEST(Superblock, OfASmallDeviceIsNoneThatEndsEarlier) {
  for (const std::size_t size : {0UL, 1UL, 512UL, 1080UL, 4096UL}) {
    Bytes bytes(size, 0xFF);
    EXPECT_EQ(superblock_of(bytes), "");
  }
}

TEST(OldDisks, HaveChangedWhereAMarkHas) {
  const std::vector<Mark> before{
      {"vda", "table 1"}, {"vda1", "ext 2"}, {"vda2", "unknown: no"}, {"sd\tb", "x\\n"}};
  EXPECT_EQ(decode(encode(before)), before);
  EXPECT_THAT(changed(before, before), IsEmpty());
  auto now = before;
  now[0].what = "table 3";
  now[2].what = "ext 4";
  EXPECT_THAT(changed(before, now), ElementsAre("vda"));
  // What has not answered has not changed; what is gone has.
  now[0].what = "unknown: Input/output error";
  now.erase(now.begin() + 1);
  EXPECT_THAT(changed(before, now), IsEmpty());
  now.push_back({"vda1", "gone"});
  EXPECT_THAT(changed(before, now), ElementsAre("vda1"));
  EXPECT_THAT(changed({}, now), IsEmpty());
}

}  // namespace
}  // namespace dboot::guardian
