// The record that the payload leaves of a takeover, and who takes it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/log/record.hpp"
#include "shared/proc/fields.hpp"
#include "tests/sandbox/old_system.hpp"

namespace dboot::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

/// The record of a takeover whose command shows it behind a line of its own, and the console
/// before.
struct Story {
  explicit Story(OldSystem& system) {
    system.command("echo BEGIN; cat /run/dboot/payload.log");
    EXPECT_EQ(system.run(), 0) << system.output();
    const auto begin = system.output().find("BEGIN\n");
    console = system.output().substr(0, begin);
    const std::string text = system.output().substr(begin + 6);
    for (const auto line : lines_of(text)) {
      const auto parsed = log::parse(line);
      EXPECT_TRUE(parsed) << line;
      if (parsed) record.push_back(*parsed);
    }
  }
  /// Those of that phase with that message.
  std::vector<log::Record> with(std::string_view phase, std::string_view message) const {
    std::vector<log::Record> found;
    for (const auto& line : record) {
      if (line.phase == phase && line.message == message) found.push_back(line);
    }
    return found;
  }

  std::string console;
  std::vector<log::Record> record;
};

/// The facts of that name, one for each line.
std::vector<std::string> values(const std::vector<log::Record>& lines, std::string_view key) {
  std::vector<std::string> found;
  for (const auto& line : lines) found.emplace_back(line.fact(key).value_or("none"));
  return found;
}

TEST(Payload, ShowsEveryLineOfItsLogOnceOnTheConsole) {
  OldSystem system;
  const Story story(system);
  int lines = 0;
  for (const auto& record : story.record) {
    const auto line = log::format(record) + '\n';
    const auto first = story.console.find(line);
    ASSERT_EQ(first != std::string::npos, record.level >= log::Level::info) << line;
    if (first == std::string::npos) continue;
    ++lines;
    EXPECT_EQ(story.console.find(line, first + 1), std::string::npos) << line;
  }
  EXPECT_GT(lines, 10);
  for (const char* phase : {"wake", "console", "sync", "terminate", "release", "hand-over"})
    EXPECT_THAT(story.console, HasSubstr(std::string(phase) + " finished duration="));
}

TEST(Payload, KeepsACompleteRecordWhateverIsShown) {
  OldSystem system;
  system.plan().log_level = log::Level::error;
  system.processes(
      "sleep 3600 </dev/null >/dev/null 2>&1 &\n"
      // It ignores the signal from its first moment on.
      "trap '' TERM; sleep 3600 </dev/null >/dev/null 2>&1 & trap - TERM");
  const Story story(system);
  EXPECT_EQ(story.console, "");
  ASSERT_FALSE(story.record.empty());
  EXPECT_EQ(story.record.front().message, "record begins");
  // Nothing is lost: each phase says which line it begins with.
  for (std::size_t number = 0; number < story.record.size(); ++number) {
    if (story.record[number].message == "started") {
      EXPECT_EQ(story.record[number].fact("line"), std::to_string(number + 1));
    }
  }
  EXPECT_THAT(values(story.with("terminate", "asked to end"), "signal"),
              UnorderedElementsAre("TERM", "KILL"));
  EXPECT_THAT(values(story.with("terminate", "gone"), "killed"),
              UnorderedElementsAre("no", "it ignores SIGTERM"));
  const auto calls = story.with("release", "call");
  EXPECT_THAT(values(calls, "result"), Each("ok"));
  EXPECT_THAT(values(calls, "name"), IsSupersetOf({"mount MS_PRIVATE", "pivot_root", "mount",
                                                   "move_mount", "umount2", "rmdir"}));
  EXPECT_THAT(story.with("release", "mount found"), IsEmpty());
}

TEST(Payload, TellsAtTraceWhatItHasFound) {
  OldSystem system;
  system.plan().log_level = log::Level::trace;
  system.processes("sleep 3600 </dev/null >/dev/null 2>&1 &");
  const Story story(system);
  EXPECT_EQ(story.with("terminate", "process found").size(), 1U);
  EXPECT_THAT(story.with("release", "mount found"), Not(IsEmpty()));
}

TEST(Payload, SendsItsRecordLineByLine) {
  OldSystem system;
  system.listen_on(6666);
  system.plan().log_to = {"udp:127.0.0.1:6666"};
  const Story story(system);
  std::string sent;
  for (const auto& datagram : system.received()) sent += datagram;
  std::string kept;
  for (const auto& record : story.record) kept += log::format(record) + '\n';
  // What has come since the command began is sent too.
  EXPECT_THAT(sent, StartsWith(kept));
  EXPECT_GE(system.received().size(), story.record.size());
}

/// Nobody listens, there is no such network, no such file, no such terminal.
TEST(Payload, GoesOnWhereNobodyTakesItsRecord) {
  OldSystem system;
  system.plan().log_to = {"udp:127.0.0.1:6666", "udp:[2001:db8::1]:6666", "/missing",
                          "nonsense:", "tty9"};
  const Story story(system);
  EXPECT_THAT(values(story.with("wake", "no log there"), "to"), Contains("/missing"));
  EXPECT_THAT(values(story.with("wake", "no log there"), "to"), Contains("nonsense:"));
  EXPECT_THAT(values(story.with("console", "no console"), "name"), Contains("tty9"));
}

/// As after Ctrl-S.
TEST(Payload, GoesOnWhereTheConsoleTakesNothing) {
  OldSystem system;
  system.plan().log_level = log::Level::trace;
  system.processes("for i in $(seq 100); do sleep 3600 </dev/null >/dev/null 2>&1 & done");
  system.leave_console_unread();
  system.command("exit 3");
  EXPECT_EQ(system.run(), 3);
}

TEST(Payload, NeedsNoRoomForItsLog) {
  OldSystem system;
  system.processes(
      "mount -o remount,size=8m /run/dboot && cat /dev/zero >/run/dboot/zeros 2>/dev/null; true");
  system.command("echo there");
  EXPECT_EQ(system.run(), 0) << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("hand-over finished"), HasSubstr("\nthere\n")));
}

}  // namespace
}  // namespace dboot::test
