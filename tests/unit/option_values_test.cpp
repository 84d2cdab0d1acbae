#include "injector/option_values.hpp"

#include <gmock/gmock.h>

#include "tests/unit/parsed_options.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(OptionValues, TimesAreNumbersWithAUnitSecondsWithoutOne) {
  using namespace std::chrono_literals;
  const auto grace = [](const char* text) { return parse({"--grace", text, "debian"}).grace; };
  EXPECT_EQ(grace("5"), 5s);
  EXPECT_EQ(grace("5s"), 5s);
  EXPECT_EQ(grace("2.5"), 2500ms);
  EXPECT_EQ(grace("500ms"), 500ms);
  EXPECT_EQ(grace("10m"), 10min);
  EXPECT_EQ(grace("24h"), 24h);
  EXPECT_EQ(grace("0"), 0s);
  EXPECT_EQ(parse({"--hook-timeout", "2m", "debian"}).hook_timeout, 2min);
  EXPECT_EQ(parse({"--break-timeout", "2m:reboot", "debian"}).break_timeout, 2min);
  for (const char* text : {"nan", "inf", "-1", "x", "86401", "", "25h", "5 s", "5S", "s", "1e9",
                           "1d", "0x10", "-0.1ms"}) {
    const auto given = answer({"--grace", text, "debian"});
    EXPECT_EQ(given.status, 125) << text;
    EXPECT_THAT(given.what(), HasSubstr("say 500ms, 5s or 2m (a number alone is seconds)")) << text;
  }
}

TEST(OptionValues, PortsAreNumbers) {
  EXPECT_EQ(parse({"--rescue-ssh", "2222", "debian"}).rescue_port, 2222);
  for (const char* port : {"0", "65536", "-1", "x", "22x", ""})
    EXPECT_THAT(answer({"--rescue-ssh", port, "debian"}).what(),
                HasSubstr("is no port: say a number from 1 to 65535"));
}

TEST(OptionValues, LongValuesAreNotShownWhole) {
  const std::string name(300, 'n');
  const auto given = answer({"--hostname", name.c_str(), "debian"});
  EXPECT_THAT(given.what(), AllOf(HasSubstr("…' is no hostname: at most 64 letters"),
                                  testing::Not(HasSubstr(name))));
}

TEST(OptionValues, TimeToConfirmIsATimeOrNone) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse({"debian"}).confirm_within, std::nullopt);
  EXPECT_EQ(parse({"--confirm-within", "no", "debian"}).confirm_within, 0s);
  EXPECT_EQ(parse({"--confirm-within", "90s", "debian"}).confirm_within, 90s);
  EXPECT_EQ(parse({"--confirm-within", "2h", "debian"}).confirm_within, 2h);
  for (const char* time : {"0", "0s", "10", "31d", "-1", "soon", "1.5h", ""}) {
    const auto given = answer({"--confirm-within", time, "debian"});
    EXPECT_EQ(given.status, 125) << time;
    EXPECT_THAT(given.what(), HasSubstr("is no time with a unit: say 90s, 10m or 2h"));
  }
}

TEST(OptionValues, SizesAreWholeNumbersWithAUnit) {
  EXPECT_EQ(parse({"--root-size", "2G", "debian"}).root_size, 2ULL << 30U);
  EXPECT_EQ(parse({"debian"}).root_size, 0U);
  for (const char* size : {"0", "-5M", "1.5G", "abc", "M", "5X", "5Mi2", "99999999999999T"}) {
    EXPECT_THAT(answer({"--root-size", size, "debian"}).what(), HasSubstr("say 500M or 2G"));
  }
}

TEST(OptionValues, HooksNameAPlaceAndAFile) {
  const auto options = parse({"--hook", "before:release=./a=b", "--hook=after:hand-over=/c!",
                              "--hook-timeout", "1.5", "--busybox", "/bin/busybox", "debian"});
  ASSERT_EQ(options.hooks.size(), 2U);
  EXPECT_EQ(options.hooks[0].at.moment, Moment::before);
  EXPECT_EQ(options.hooks[0].at.phase, "release");
  EXPECT_EQ(options.hooks[0].file, "./a=b");
  EXPECT_FALSE(options.hooks[0].must_succeed);
  EXPECT_EQ(options.hooks[1].at.moment, Moment::after);
  EXPECT_EQ(options.hooks[1].at.phase, "hand-over");
  EXPECT_EQ(options.hooks[1].file, "/c");
  EXPECT_TRUE(options.hooks[1].must_succeed);
  EXPECT_EQ(options.hook_timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(options.busybox, "/bin/busybox");
}

TEST(OptionValues, HooksElsewhereAreRefused) {
  const auto refusal = [](const char* hook) {
    return std::string(answer({"--hook", hook, "debian"}).what());
  };
  EXPECT_THAT(refusal("./a"), HasSubstr("neither before:PHASE nor after:PHASE"));
  EXPECT_THAT(refusal("release=./a"), HasSubstr("neither before:PHASE nor after:PHASE"));
  EXPECT_THAT(refusal("./a:b=c"), HasSubstr("neither before:PHASE nor after:PHASE"));
  EXPECT_THAT(refusal("before:realise=./a"),
              AllOf(HasSubstr("there is no phase 'realise'"),
                    HasSubstr("wake, console, sync, terminate, release, hand-over, start")));
  EXPECT_THAT(refusal("after:start=./a"), HasSubstr("say before:start"));
  EXPECT_THAT(refusal("before:sync="), HasSubstr("FILE is missing"));
  EXPECT_THAT(refusal("before:sync=!"), HasSubstr("FILE is missing"));
}

TEST(OptionValues, BreakpointsNameAPlaceAndWhatFollows) {
  const auto options = parse({"--break", "before:release", "--break=after:console", "debian"});
  EXPECT_THAT(options.breakpoints,
              ElementsAre(Place{Moment::before, "release"}, Place{Moment::after, "console"}));
  EXPECT_EQ(options.break_timeout, std::chrono::minutes(10));
  EXPECT_EQ(options.on_break, OnBreak::go_on);
  const auto reboot = parse({"--break-timeout", "2.5:reboot", "debian"});
  EXPECT_EQ(reboot.break_timeout, std::chrono::milliseconds(2500));
  EXPECT_EQ(reboot.on_break, OnBreak::reboot);
  EXPECT_EQ(parse({"--break-timeout", "3:continue", "debian"}).on_break, OnBreak::go_on);

  const auto refusal = [](const char* option, const char* value) {
    return std::string(answer({option, value, "debian"}).what());
  };
  for (const char* place : {"before:wake", "after:wake", "before:console"})
    EXPECT_THAT(refusal("--break", place), HasSubstr("there is no console yet")) << place;
  EXPECT_THAT(refusal("--break", "release"), HasSubstr("neither before:PHASE nor after:PHASE"));
  EXPECT_THAT(refusal("--break", "before:realise"), HasSubstr("there is no phase 'realise'"));
  EXPECT_THAT(refusal("--break", "after:start"), HasSubstr("say before:start"));
  EXPECT_THAT(refusal("--break-timeout", "soon"), HasSubstr("'soon' is no time"));
  EXPECT_THAT(refusal("--break-timeout", "5:halt"), HasSubstr("'halt' is neither continue nor"));
}

}  // namespace
}  // namespace dboot
