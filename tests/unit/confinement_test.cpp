#include <gmock/gmock.h>

#include "injector/preflight/confinement.hpp"

namespace dboot::confinement {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr unsigned checkpoint_restore = 40;

std::string status(const std::string& bounding, const std::string& no_new_privs,
                   const std::string& seccomp) {
  return "Name:\tsystemd\nCapEff:\t" + bounding + "\nCapBnd:\t" + bounding + "\nNoNewPrivs:\t" +
         no_new_privs + "\nSeccomp:\t" + seccomp + "\nSeccomp_filters:\t" + seccomp + "\n";
}

auto remark(Weight weight, const char* words) {
  return AllOf(Field(&Remark::weight, weight), Field(&Remark::what, HasSubstr(words)));
}

TEST(Confinement, NoneOfAPid1AsTheKernelStartsIt) {
  EXPECT_THAT(remarks_on(status("000001ffffffffff", "0", "0"), checkpoint_restore), IsEmpty());
  // An older kernel knows fewer, and shows those that it does not know as there or not.
  EXPECT_THAT(remarks_on(status("0000003fffffffff", "0", "0"), 37), IsEmpty());
  EXPECT_THAT(remarks_on(status("ffffffffffffffff", "0", "0"), 200), IsEmpty());
}

TEST(Confinement, OfCapabilitiesThatNobodyNeedsForATakeoverIsAWarning) {
  EXPECT_THAT(remarks_on(status("000001fffffeffff", "0", "0"), checkpoint_restore),
              ElementsAre(remark(Weight::warns, "can have them: CAP_SYS_MODULE")));
}

TEST(Confinement, OfThoseThatATakeoverNeedsRulesItOut) {
  const auto remarks = remarks_on(status("000001ffffbeffdf", "0", "0"), checkpoint_restore);
  EXPECT_THAT(remarks, ElementsAre(remark(Weight::rules_it_out, "for good: CAP_KILL, CAP_SYS_BOOT"),
                                   remark(Weight::warns, "can have them: CAP_SYS_MODULE")));
  EXPECT_TRUE(refuses(remarks.front(), true));
  EXPECT_FALSE(refuses(remarks.back(), false));
}

TEST(Confinement, OfWhatAKernelKnowsThatThisProgramDoesNotIsItsNumber) {
  EXPECT_THAT(remarks_on(status("000001ffffffffff", "0", "0"), 42),
              ElementsAre(remark(Weight::warns, "can have them: 41, 42")));
}

TEST(Confinement, ASeccompFilterMayBeForced) {
  const auto remarks = remarks_on(status("000001ffffffffff", "0", "2"), checkpoint_restore);
  ASSERT_THAT(remarks, ElementsAre(remark(Weight::may_be_forced, "seccomp filter")));
  EXPECT_TRUE(refuses(remarks.front(), false));
  EXPECT_FALSE(refuses(remarks.front(), true));
}

TEST(Confinement, NoNewPrivilegesIsAWarning) {
  EXPECT_THAT(remarks_on(status("000001ffffffffff", "1", "0"), checkpoint_restore),
              ElementsAre(remark(Weight::warns, "no_new_privs")));
}

TEST(Confinement, OfAKernelWithoutSeccompIsNotKnownToBeAny) {
  EXPECT_THAT(remarks_on("Name:\tinit\nCapBnd:\t000001ffffffffff\n", checkpoint_restore),
              IsEmpty());
}

}  // namespace
}  // namespace dboot::confinement
