// The record of a takeover: one story from the command line to the new system, and kept.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>

#include "shared/log/record.hpp"
#include "shared/proc/fields.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Lines = std::vector<log::Record>;

class Record : public ::testing::Test {
 protected:
  Record() { write_text(image_, busybox_image()); }

  /// With the record kept in saved().
  SandboxHost::Result rehearse(std::vector<std::string> options, const std::string& script) {
    std::vector<std::string> command{DBOOT_INJECT, "--rehearse", "--save-log", saved_};
    command.insert(command.end(), options.begin(), options.end());
    command.insert(command.end(), {image_, "sh", "-c", script});
    return host_.run(command);
  }

  /// Every line parses.
  Lines saved() const {
    Lines lines;
    const std::string text = read_text(saved_);
    for (const auto line : lines_of(text)) {
      auto record = log::parse(line);
      EXPECT_TRUE(record) << line;
      if (record) lines.push_back(*std::move(record));
    }
    return lines;
  }

  TemporaryDirectory directory_;
  std::string image_ = directory_ / "busybox.tar";
  std::string saved_ = directory_ / "saved.log";
  SandboxHost host_;
};

/// The messages of a phase; a value of a line.
std::vector<std::string> messages(const Lines& lines, std::string_view phase) {
  std::vector<std::string> found;
  for (const auto& line : lines) {
    if (line.phase == phase) found.push_back(line.message);
  }
  return found;
}
std::string value(const Lines& lines, std::string_view message, std::string_view key) {
  for (const auto& line : lines) {
    if (line.message == message) return std::string(line.fact(key).value_or(""));
  }
  return "";
}

TEST_F(Record, TellsTheWholeStoryInOneFile) {
  const auto result = rehearse({}, "cat /run/dboot/payload.log >/dev/null");
  ASSERT_EQ(result.status, 0) << result.output;
  const Lines lines = saved();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front().fact("program"), "dboot-inject");
  std::vector<std::string> phases;
  for (const auto& line : lines) {
    if (phases.empty() || phases.back() != line.phase) phases.push_back(line.phase);
  }
  EXPECT_THAT(phases,
              ElementsAre("preflight", "image", "inject", "wake", "console", "sync", "terminate",
                          "release", "hand-over", "start", "supervise", "inject"));
  EXPECT_TRUE(std::is_sorted(lines.begin(), lines.end(), [](const auto& one, const auto& other) {
    return one.elapsed < other.elapsed;
  }));
  for (std::size_t number = 0; number < lines.size(); ++number) {
    if (lines[number].message == "started") {
      EXPECT_EQ(lines[number].fact("line"), std::to_string(number + 1));
    }
  }
  EXPECT_EQ(value(lines, "asked for", "what"), "rehearse");
  EXPECT_EQ(value(lines, "image", "description"), "archive " + image_);
  EXPECT_NE(value(lines, "memory", "available"), "");
  EXPECT_NE(value(lines, "the new root is filled", "bytes"), "0");
  EXPECT_EQ(value(lines, "plan", "executable"), "/bin/sh");
  EXPECT_THAT(value(lines, "PID 1 has executed the payload", "stood_still"),
              ContainsRegex("^[0-9.]+ms$"));
}

TEST_F(Record, OfTheNewSystemIsTheSame) {
  const auto result = rehearse({"--log-level", "error"}, "cat /run/dboot/payload.log");
  ASSERT_EQ(result.status, 0) << result.output;
  const std::string whole = read_text(saved_);
  EXPECT_THAT(whole, StartsWith(result.output));
}

TEST_F(Record, ThatCannotBeSavedIsNoRehearsal) {
  saved_ = "/nonexistent/saved.log";
  const auto result = rehearse({}, "echo ran");
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output,
              HasSubstr("cannot write to --save-log /nonexistent/saved.log: No such"));
}

TEST_F(Record, ThatCannotBeSavedAnyMoreDoesNotEndTheRehearsal) {
  saved_ = "/dev/full";
  const auto result = rehearse({}, "exit 3");
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.output, HasSubstr("error: the log is saved up to here only"));
}

TEST_F(Record, HasACopyInTheNewRoot) {
  const auto result = rehearse({"--log-level", "error", "--log-to", "/copy.log"},
                               "cmp /copy.log /run/dboot/payload.log && echo same");
  EXPECT_EQ(result.output, "same\n");
}

TEST_F(Record, ThatCannotBeCopiedIsNoRehearsal) {
  for (const auto& [to, why] :
       {std::pair<std::string, std::string>{"/missing/file", "No such file"},
        {"/bin/sh", "File exists"},
        {"/run/file", "would be hidden"},
        {"ttyZ9", "there is no terminal ttyZ9 on this machine, which --log-to names"},
        {"udp:host:514", "none of udp:ADDRESS:PORT"}}) {
    const auto result = rehearse({"--log-to", to}, "echo ran");
    EXPECT_EQ(result.status, 125) << to;
    EXPECT_THAT(result.output, AllOf(HasSubstr(to), HasSubstr(why), Not(HasSubstr("ran\n"))));
  }
}

/// `kill -9` of what would copy it at the end.
TEST_F(Record, IsSavedLineByLine) {
  SandboxProcess injector = host_.start({DBOOT_INJECT, "--rehearse", "--save-log", saved_, image_,
                                         "sh", "-c", "echo the command runs; sleep 1000"});
  std::string output;
  output = injector.output(
      [&] { return read_text(saved_).find("supervise started") != std::string::npos; });
  injector.signal(SIGKILL);
  EXPECT_EQ(injector.wait(), 128 + SIGKILL);
  EXPECT_THAT(messages(saved(), "supervise"), Contains("started")) << output;
}

TEST_F(Record, OfARehearsedSystemThatRebootsSaysSo) {
  for (const auto& [command, by] : {std::pair<std::string, std::string>{"reboot", "reboot"},
                                    {"poweroff", "poweroff or halt"}}) {
    const auto result = rehearse({}, "exec busybox " + command + " -f");
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_EQ(value(saved(), "the rehearsed system ends", "by"), by);
  }
}

/// And what would have come of it on a machine.
TEST_F(Record, OfARehearsalEndsWithAVerdict) {
  EXPECT_THAT(rehearse({}, "kill -9 $$").output,
              HasSubstr("the rehearsed command has ended how=\"signal 9\""));
  const auto verdict = [this](std::vector<std::string> options, const std::string& script) {
    const auto result = rehearse(std::move(options), script);
    EXPECT_EQ(result.status, 3) << result.output;
    return result.output;
  };
  EXPECT_THAT(verdict({}, "exit 3"),
              HasSubstr("the rehearsed command has ended how=\"exit status 3\" "
                        "a_machine=\"asks on its console what to do"));
  EXPECT_THAT(verdict({"--on-exit", "poweroff"}, "exit 3"),
              HasSubstr("a_machine=\"is switched off\""));
  EXPECT_THAT(
      verdict({"--init", "exec"}, "exit 3"),
      HasSubstr("warning: PID 1 has ended, which it must not: the kernel of a machine panics "
                "how=\"exit status 3\""));
  EXPECT_THAT(verdict({"--log-level", "error"}, "exit 3"), ::testing::IsEmpty());
}

TEST_F(Record, HoldsNoSecretOfTheEnvironment) {
  const auto result = rehearse({"--log-level", "trace", "-e", "PASSWORD=se-cret"}, "exit 0");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(read_text(saved_), Not(HasSubstr("se-cret")));
}

TEST_F(Record, IsShownFromTheLevelOnThatIsAskedFor) {
  const auto all = rehearse({"--log-level", "debug"}, "exit 0");
  EXPECT_THAT(all.output, AllOf(HasSubstr("] debug release call name=pivot_root"),
                                HasSubstr("] info release started")));
  const auto usual = rehearse({}, "exit 0");
  EXPECT_THAT(usual.output, AllOf(Not(HasSubstr("] debug ")), HasSubstr("] info release started")));
  EXPECT_THAT(usual.output, Not(HasSubstr("record begins")));  // it has been reported already
  const auto errors = rehearse({"--log-level", "error"}, "exit 0");
  EXPECT_EQ(errors.output, "");
  EXPECT_THAT(messages(saved(), "release"), Contains("call"));
}

TEST_F(Record, IsKeptOfARehearsalThatFails) {
  const auto result = host_.run({DBOOT_INJECT, "--rehearse", "--log-level", "error", "--save-log",
                                 saved_, image_, "/bin/missing"});
  EXPECT_EQ(result.status, 127);
  EXPECT_THAT(result.output, AllOf(HasSubstr("dboot-inject: error: "), HasSubstr("/bin/missing"),
                                   HasSubstr("\ndboot-inject: to mend it: ")));
  const Lines lines = saved();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back().level, log::Level::error);
  EXPECT_NE(lines.back().fact(log::mend_key), std::nullopt);
}

TEST_F(Record, ThatCannotBeKeptIsNoRehearsal) {
  const auto result = host_.run({DBOOT_INJECT, "--rehearse", "--save-log",
                                 directory_ / "missing" / "file", image_, "sh", "-c", "echo ran"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("missing/file"), HasSubstr("No such file"), Not(HasSubstr("ran"))));
}

}  // namespace
}  // namespace dboot::testing
