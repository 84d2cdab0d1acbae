#include "injector/image/overrides.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>

#include "injector/image/stop_signal.hpp"

namespace dboot {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ImageConfig image() {
  ImageConfig config;
  config.entrypoint = {"/entry", "-v"};
  config.cmd = {"serve"};
  config.env = {"PATH=/bin", "A=1", "B=2"};
  config.working_directory = "/srv";
  return config;
}

TEST(Overrides, NothingSaidChangesNothing) {
  EXPECT_EQ(with_overrides(image(), {}), image());
}

TEST(Overrides, EntrypointTakesCmdAwayToo) {
  ImageOverrides overrides;
  overrides.entrypoint = "/bin/sh -c";  // one word, as docker has it
  const ImageConfig config = with_overrides(image(), overrides);
  EXPECT_THAT(config.entrypoint, ElementsAre("/bin/sh -c"));
  EXPECT_THAT(config.cmd, IsEmpty());
}

TEST(Overrides, EmptyEntrypointIsNone) {
  ImageOverrides overrides;
  overrides.entrypoint = "";
  const ImageConfig config = with_overrides(image(), overrides);
  EXPECT_THAT(config.entrypoint, IsEmpty());
  EXPECT_THAT(config.cmd, IsEmpty());
}

TEST(Overrides, VariablesTakeThePlaceOfTheImages) {
  ImageOverrides overrides;
  overrides.environment = {"A=x=y", "NEW=", "A=last"};
  EXPECT_THAT(with_overrides(image(), overrides).env,
              ElementsAre("PATH=/bin", "A=last", "B=2", "NEW="));
}

TEST(Overrides, NameAloneIsTakenFromTheEnvironmentOrTakenAway) {
  ::setenv("DBOOT_TEST_GIVEN", "a b", 1);
  ::unsetenv("B");
  ImageOverrides overrides;
  overrides.environment = {"DBOOT_TEST_GIVEN", "B", "DBOOT_TEST_MISSING"};
  EXPECT_THAT(with_overrides(image(), overrides).env,
              ElementsAre("PATH=/bin", "A=1", "DBOOT_TEST_GIVEN=a b"));
}

TEST(Overrides, WorkingDirectoryTakesThePlaceOfTheImages) {
  ImageOverrides overrides;
  overrides.working_directory = "/tmp";
  EXPECT_EQ(with_overrides(image(), overrides).working_directory, "/tmp");
}

TEST(StopSignal, IsANameOrANumber) {
  for (const char* text : {"SIGQUIT", "QUIT", "quit", "sigquit", "3"}) {
    EXPECT_EQ(image::parse_signal(text), SIGQUIT) << text;
  }
  EXPECT_EQ(image::parse_signal("SIGIOT"), SIGABRT);
  EXPECT_EQ(image::parse_signal("64"), 64);
}

TEST(StopSignal, RealTimeSignalsAreCountedFromEitherEnd) {
  EXPECT_EQ(image::parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(image::parse_signal("RTMIN+3"), 37);
  EXPECT_EQ(image::parse_signal("RTMIN"), SIGRTMIN);
  EXPECT_EQ(image::parse_signal("RTMAX-14"), SIGRTMAX - 14);
}

TEST(StopSignal, AnythingElseIsNone) {
  for (const char* text :
       {"", "0", "65", "-9", "99999999999", "SIG", "SIGNONSENSE", "RTMIN-1", "RTMIN+", "RTMIN+31",
        "RTMIN+99999999999", "RTMIN+-3", "RTMAX+1", "RTMIN+3x", "3 ", "SIGSIGQUIT"}) {
    EXPECT_FALSE(image::parse_signal(text)) << text;
  }
}

}  // namespace
}  // namespace dboot
