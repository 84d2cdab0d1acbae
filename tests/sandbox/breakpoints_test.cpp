// Shells between two phases of a takeover.
#include <gmock/gmock.h>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

bool has_in_order(std::string_view text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    const auto found = text.find(part);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + part.size());
  }
  return true;
}

class Breakpoints : public ::testing::Test {
 protected:
  Breakpoints() { write_text(image_, busybox_image()); }

  /// Types these lines into the shells, then comes the end of the input.
  SandboxHost::Result rehearse(const std::string& typed, std::vector<std::string> options,
                               const std::string& command = "echo the new system") {
    write_text(directory_ / "typed", typed);
    std::string line = "exec <" + (directory_ / "typed").string() + "; exec \"$@\"";
    std::vector<std::string> words{"/bin/busybox", "sh",         "-c",        line,
                                   "sh",           DBOOT_INJECT, "--rehearse"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {image_, "sh", "-c", command});
    return host_.run(words);
  }

  TemporaryDirectory directory_;
  std::string image_ = directory_ / "busybox.tar";
  SandboxHost host_;
};

TEST_F(Breakpoints, AreAShellInTheSystemThatIsThereThen) {
  const auto result = rehearse(
      "echo at $DBOOT_BREAK; head -c 8 /run/dboot/plan; exit\n"
      "echo and at $DBOOT_BREAK in $(readlink /proc/$$/exe); exit\n",
      {"--break", "before:release", "--break", "after:hand-over"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              ContainsRegex("warning break stopped: exit goes on, reboot reboots at=before:release "
                            "for=600000.0ms then=\"go on\" record=/run/dboot/payload.log"));
  // The log and what is written are two streams.
  EXPECT_TRUE(
      has_in_order(result.output, {"at before:release\n", "DBOOTPLN",
                                   "and at after:hand-over in /bin/busybox\n", "the new system\n"}))
      << result.output;
  EXPECT_TRUE(has_in_order(
      result.output, {"info break going on", "info release started", "info hand-over finished",
                      "info break going on", "info start started"}))
      << result.output;
}

TEST_F(Breakpoints, AnswerToAReboot) {
  for (const std::string how : {"reboot", "poweroff"}) {
    const auto result = rehearse(how + "; busybox cat /proc/self/status >/dev/null; read x\n",
                                 {"--break", "after:release"});
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("info power the system ends by=" + how));
    EXPECT_THAT(result.output,
                HasSubstr("the rehearsed system ends by=" + how + " command=\"was not started\""));
    EXPECT_THAT(result.output, Not(HasSubstr("the new system\n")));
  }
}

/// The programs of the old root may ask an init that is gone.
TEST_F(Breakpoints, AnswerToARebootInTheOldRoot) {
  for (const std::string how : {"reboot", "poweroff", "halt"}) {
    const auto result = rehearse(how + "; read x\n", {"--break", "after:console"});
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("info power the system ends by=" + how));
  }
}

TEST_F(Breakpoints, LastAsLongAsIsSaid) {
  const auto on =
      rehearse("read x </dev/zero\n", {"--break", "after:release", "--break-timeout", "0.3"});
  EXPECT_EQ(on.status, 0) << on.output;
  EXPECT_THAT(on.output, HasSubstr("warning break nobody has left the shell in time"));
  EXPECT_THAT(on.output, HasSubstr("the new system\n"));
  const auto reboot = rehearse("read x </dev/zero\n",
                               {"--break", "after:release", "--break-timeout", "0.3:reboot"});
  EXPECT_EQ(reboot.status, 0) << reboot.output;
  EXPECT_THAT(reboot.output, HasSubstr("info power the system ends by=reboot"));
  EXPECT_THAT(reboot.output, Not(HasSubstr("the new system\n")));
}

TEST_F(Breakpoints, EndWhatWasStartedInThem) {
  const auto result = rehearse("sleep 1000 & (sleep 1000 &) ; exit\n", {"--break", "after:release"},
                               "ps | grep -c '[s]leep 1000'");
  EXPECT_THAT(result.output, HasSubstr("\n0\n"));
}

TEST_F(Breakpoints, TakeTheFirstShellThatCanBeStarted) {
  TarBuilder tar;
  tar.directory("bin").file("bin/tool", sys::read_file(DBOOT_HOOK_PROGRAM), 0755);
  tar.directory("bin/bash").file("bin/sh", "garbage", 0755);
  write_text(image_, tar.finish());
  const auto result = host_.run({"/bin/busybox", "sh", "-c",
                                 "echo 'echo in $(readlink /proc/$$/exe)' | " DBOOT_INJECT
                                 " --rehearse --break after:release " +
                                     image_ + " /bin/tool"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("warning break this shell cannot be started root=/ "
                                       "path=/bin/sh reason="));
  EXPECT_THAT(result.output, HasSubstr("in /run/dboot/busybox\n"));
}

TEST_F(Breakpoints, NeedNoShellInTheImage) {
  TarBuilder tar;
  tar.directory("bin").file("bin/tool", sys::read_file(DBOOT_HOOK_PROGRAM), 0755);
  write_text(image_, tar.finish());
  const auto result = host_.run({"/bin/busybox", "sh", "-c",
                                 "echo 'echo in $(readlink /proc/$$/exe)' | " DBOOT_INJECT
                                 " --rehearse --break after:release " +
                                     image_ + " /bin/tool"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("in /run/dboot/busybox\n"));
}

}  // namespace
}  // namespace dboot::testing
