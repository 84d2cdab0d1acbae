#include "shared/proc/swaps.hpp"

#include <gmock/gmock.h>

namespace dboot {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Swaps, PathsAreDecodedAndTheHeadingIsNone) {
  EXPECT_THAT(parse_swaps("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                          "/dev/vda2                               partition\t131068\t\t0\t\t-2\n"
                          "/my\\040swap                            file\t\t131068\t\t0\t\t-3\n"),
              ElementsAre("/dev/vda2", "/my swap"));
  EXPECT_THAT(parse_swaps(""), IsEmpty());
}

}  // namespace
}  // namespace dboot
