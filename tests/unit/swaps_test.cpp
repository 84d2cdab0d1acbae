#include "shared/proc/swaps.hpp"

#include <gmock/gmock.h>

#include "shared/proc/fields.hpp"
#include "shared/proc/memory.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

TEST(Swaps, PathsAreDecodedAndTheHeadingIsNone) {
  const auto areas = parse_swaps(
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
      "/dev/vda2                               partition\t131068\t\t0\t\t-2\n"
      "/my\\040swap                            file\t\t131068\t\t12\t\t-3\n");
  EXPECT_THAT(
      areas,
      ElementsAre(AllOf(Field(&SwapArea::path, "/dev/vda2"), Field(&SwapArea::used, 0U)),
                  AllOf(Field(&SwapArea::path, "/my swap"), Field(&SwapArea::used, 12U << 10U))));
  EXPECT_THAT(parse_swaps(""), IsEmpty());
}

TEST(Fields, HaveNumbersInRanges) {
  EXPECT_THAT(numbers_in_ranges("0-2,5"), ElementsAre(0U, 1U, 2U, 5U));
  EXPECT_THAT(numbers_in_ranges(""), IsEmpty());
  EXPECT_THAT(numbers_in_ranges("a-b,3-,-4,7-6,0-99999999999"), IsEmpty());
}

TEST(Memory, ThatIsAvailableIsReadInBytes) {
  EXPECT_EQ(parse_available_memory("MemTotal:  10 kB\nMemAvailable:    3 kB\nX: 1 kB\n"), 3072U);
  EXPECT_EQ(parse_available_memory("MemTotal:  10 kB\n"), 0U);
  EXPECT_EQ(parse_available_memory("MemAvailable:"), 0U);
  EXPECT_GT(available_memory(), 0U);
}

}  // namespace
}  // namespace dboot
