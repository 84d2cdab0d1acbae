// Programs that are put in between two phases of a takeover.
#include <gmock/gmock.h>
#include <signal.h>

#include "shared/log/record.hpp"
#include "shared/proc/fields.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::Not;
using ::testing::SizeIs;

class Hooks : public ::testing::Test {
 protected:
  Hooks() { write_text(image_, busybox_image()); }

  /// A file for --hook.
  std::string file(const std::string& name, const std::string& text) const {
    write_text(directory_ / name, text);
    return directory_ / name;
  }
  std::string script(const std::string& name, const std::string& lines) const {
    return file(name, "#!/bin/sh\n" + lines);
  }

  /// With the record in lines_.
  SandboxHost::Result rehearse(const std::vector<std::string>& options,
                               const std::string& command = "true") {
    const std::string saved = directory_ / "saved.log";
    std::vector<std::string> words{DBOOT_INJECT, "--rehearse", "--save-log", saved};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {image_, "sh", "-c", command});
    auto result = host_.run(words);
    const std::string text = read_text(saved);
    lines_.clear();
    for (const auto line : lines_of(text)) {
      if (auto record = log::parse(line)) lines_.push_back(*std::move(record));
    }
    return result;
  }

  /// What the hooks have written.
  std::vector<std::string> output() const {
    std::vector<std::string> texts;
    for (const auto& line : lines_) {
      if (line.phase == "hook" && line.message == "output")
        texts.emplace_back(line.fact("text").value_or(""));
    }
    return texts;
  }

  TemporaryDirectory directory_;
  std::string image_ = directory_ / "busybox.tar";
  SandboxHost host_;
  std::vector<log::Record> lines_;
};

TEST_F(Hooks, AreRunBetweenThePhases) {
  const auto hook = script("say", "echo \"$DBOOT_HOOK\"");
  std::vector<std::string> options;
  for (const std::string phase : {"start", "release", "sync", "wake"}) {
    options.insert(options.end(), {"--hook", "before:" + phase + "=" + hook});
    if (phase != "start") options.insert(options.end(), {"--hook", "after:" + phase + "=" + hook});
  }
  const auto result = rehearse(options);
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(output(), ElementsAre("before:wake", "after:wake", "before:sync", "after:sync",
                                    "before:release", "after:release", "before:start"));
  std::vector<std::string> phases;
  for (const auto& line : lines_) {
    if (phases.empty() || phases.back() != line.phase) phases.push_back(line.phase);
  }
  EXPECT_THAT(phases, ElementsAre("preflight", "image", "inject", "hook", "wake", "hook", "console",
                                  "hook", "sync", "hook", "terminate", "hook", "release", "hook",
                                  "hand-over", "hook", "start", "supervise", "inject"));
  EXPECT_THAT(result.output, HasSubstr("info hook output text=before:release"));
}

/// In the order of the command line; more than one of them at one place.
TEST_F(Hooks, HaveTheSystemThatIsThereThen) {
  const auto where = [&](const std::string& name) {
    return script(name, "echo $(readlink /proc/$$/exe) $(ls -d /run/dboot/root 2>&1)\n");
  };
  const auto result =
      rehearse({"--hook", "before:release=" + where("one"), "--hook",
                "before:release=" + where("two"), "--hook", "after:release=" + where("three")},
               "ls /run/dboot/hooks");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(output(),
              ElementsAre("/run/dboot/busybox /run/dboot/root",
                          "/run/dboot/busybox /run/dboot/root", "/bin/busybox /run/dboot/root"));
  EXPECT_THAT(result.output, HasSubstr("1-one\n2-two\n3-three\n"));
}

TEST_F(Hooks, NeedNoShellInTheImage) {
  TarBuilder tar;
  tar.directory("bin").file("bin/tool", sys::read_file(DBOOT_HOOK_PROGRAM), 0755);
  const auto image = file("bare.tar", tar.finish());
  const auto result = host_.run({DBOOT_INJECT, "--rehearse", "--hook",
                                 "after:release=" + script("say", "echo $(readlink /proc/$$/exe)"),
                                 image, "/bin/tool"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("info hook output text=/run/dboot/busybox"));
}

TEST_F(Hooks, MayBeProgramsThatAreStatic) {
  const auto result = rehearse(
      {"--hook", "before:sync=" DBOOT_HOOK_PROGRAM, "--hook", "after:release=" DBOOT_HOOK_PROGRAM});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(output(), ElementsAre("a program says before:sync", "a program says after:release"));
}

TEST_F(Hooks, ThatFailAreAWarning) {
  const auto result = rehearse({"--hook", "before:sync=" + script("fails", "exit 7")});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(
      result.output,
      HasSubstr("warning hook the hook has failed at=before:sync program=/run/dboot/hooks/1-fails "
                "reason=\"exit status 7\""));
}

TEST_F(Hooks, ThatMustSucceedAndFailAreTheFailureOfTheTakeover) {
  const auto result =
      rehearse({"--hook", "before:sync=" + script("fails", "exit 7") + "!"}, "echo started");
  EXPECT_EQ(result.status, 125) << result.output;
  EXPECT_THAT(result.output,
              HasSubstr("error failure the takeover has failed reason=\"the hook "
                        "/run/dboot/hooks/1-fails at before:sync has failed: exit status 7\""));
  EXPECT_THAT(result.output, Not(HasSubstr("started\n")));
}

TEST_F(Hooks, ThatDoNotEndAreKilledWithWhatTheyHaveStarted) {
  const auto hook = script("hangs", "trap '' TERM; sleep 1000 & sleep 1000");
  const auto result = rehearse({"--hook-timeout", "0.2", "--hook", "after:hand-over=" + hook},
                               "ps | grep -c '[s]leep 1000'");
  EXPECT_THAT(result.output, HasSubstr("reason=\"it has not ended after 200 ms\""));
  EXPECT_THAT(result.output, HasSubstr("\n0\n"));
}

/// Who has its output open and goes on does not hold it up.
TEST_F(Hooks, EndWithTheirProgram) {
  const auto hook = script("leaves", "setsid sleep 1000 & echo it ends");
  const auto result = rehearse({"--hook", "before:sync=" + hook});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(output(), ElementsAre("it ends"));
}

TEST_F(Hooks, MayWriteWhatTheyWant) {
  const auto result =
      rehearse({"--hook", "before:sync=" + script("bytes", R"(printf 'a\001\377b\n\nno end')"),
                "--hook", "after:sync=" + script("long", "head -c 5000 /dev/zero | tr '\\0' x"),
                "--hook", "before:release=" + script("much", "yes | head -c 4000000")});
  EXPECT_EQ(result.status, 0) << result.output.substr(0, 3000);
  auto texts = output();
  ASSERT_GT(texts.size(), 5U);
  EXPECT_EQ(texts[0], "a\001\377b");
  EXPECT_EQ(texts[1], "");
  EXPECT_EQ(texts[2], "no end");
  EXPECT_THAT(texts[3], SizeIs(4096));
  EXPECT_THAT(texts[4], SizeIs(5000 - 4096));
  texts.erase(texts.begin(), texts.begin() + 5);
  EXPECT_THAT(texts, Each("y"));
  EXPECT_THAT(texts, AllOf(SizeIs(Gt(10'000U)), SizeIs(Lt(20'000U))));
  EXPECT_THAT(result.output, HasSubstr("warning hook more output is left out\n"));
}

TEST_F(Hooks, ThatCannotBeRunAreRefusedBeforeAnythingHappens) {
  const struct {
    std::string hook;
    std::string words;
  } cases[] = {
      {"before:sync=/nonexistent", "cannot use /nonexistent: No such file"},
      {"before:sync=/dev", "cannot use /dev: it is no regular file"},
      {"before:sync=/bin/bash", "it needs /lib64/ld-linux-x86-64.so.2 and libraries"},
      {"before:sync=" + file("text", "echo\n"), "it is neither a program nor a script"},
      {"before:sync=" + file("relative", "#!bin/sh\n"), "it is neither a program nor a script"},
      {"before:sync=" + file("empty", ""), "it is neither a program nor a script"},
      {"before:release=" + file("python", "#!/usr/bin/python3\n"),
       "there is no /usr/bin/python3 at before:release"},
      {"after:release=" + file("perl", "#!/usr/bin/perl -w\n"),
       "the image has no /usr/bin/perl that can be executed"},
  };
  for (const auto& [hook, words] : cases) {
    const auto result = rehearse({"--hook", hook}, "echo started");
    EXPECT_EQ(result.status, 125) << hook;
    EXPECT_THAT(result.output, AllOf(HasSubstr(words), HasSubstr("to mend it"))) << hook;
    EXPECT_THAT(result.output, Not(HasSubstr("PID 1 has"))) << hook;
  }
  for (const std::string other : {"/bin/bash", DBOOT_HOOK_PROGRAM}) {
    const auto result = rehearse({"--busybox", other}, "echo started");
    EXPECT_EQ(result.status, 125);
    EXPECT_THAT(result.output, AllOf(HasSubstr("cannot use " + other + ": it is no busybox"),
                                     HasSubstr("name a static busybox")));
  }
}

/// "sh -e" is what the kernel would execute.
TEST_F(Hooks, HaveTheArgumentOfTheirFirstLine) {
  const auto strict = file("strict", "#!/bin/sh -e\nfalse\necho went on\n");
  const auto result =
      rehearse({"--hook", "before:sync=" + strict, "--hook", "after:release=" + strict, "--hook",
                "before:sync=" + file("cat", "#!/bin/busybox cat\ntext\n")});
  EXPECT_THAT(output(), ElementsAre("#!/bin/busybox cat", "text"));
  EXPECT_EQ(result.status, 0) << result.output;
}

/// The reason why a hook must not be lost in silence.
TEST_F(Hooks, NeedAPayloadThatKnowsThem) {
  const auto result =
      rehearse({"--payload", DBOOT_HOOK_PROGRAM, "--hook", "before:sync=" + script("say", "")});
  EXPECT_EQ(result.status, 125) << result.output;
  EXPECT_THAT(result.output, HasSubstr("does not know hooks and breakpoints"));
}

/// Whatever else a payload would go past.
TEST_F(Hooks, AreNotAllThatAPayloadHasToKnow) {
  const auto of_disks = rehearse({"--payload", DBOOT_HOOK_PROGRAM, "--require-release"});
  EXPECT_EQ(of_disks.status, 125) << of_disks.output;
  EXPECT_THAT(of_disks.output, HasSubstr("does not know whether disks must be released"));
  EXPECT_THAT(of_disks.output, HasSubstr("leave --require-release out, or take a payload for plans "
                                         "of 1.4"));
  const auto of_network = rehearse({"--payload", DBOOT_HOOK_PROGRAM, "--keep-network", "yes"});
  EXPECT_EQ(of_network.status, 125) << of_network.output;
  EXPECT_THAT(of_network.output, HasSubstr("does not know how to keep the network"));
}

TEST_F(Hooks, EndWhenTheRehearsalIsToEnd) {
  const auto hook = script("waits", "echo it waits; sleep 1000");
  auto rehearsal = host_.start({DBOOT_INJECT, "--rehearse", "--hook", "before:sync=" + hook, image_,
                                "sh", "-c", "echo started"});
  std::string text = rehearsal.output([&] { return true; });
  while (text.find("it waits") == std::string::npos) text += rehearsal.output([] { return true; });
  rehearsal.signal(SIGTERM);
  EXPECT_EQ(rehearsal.wait(), 128 + SIGTERM);
  EXPECT_THAT(text + rehearsal.output(), AllOf(HasSubstr("info power the system ends by=reboot"),
                                               Not(HasSubstr("started\n"))));
}

/// The signal that ends a systemd is none of those that end other inits.
TEST_F(Hooks, EndWhenTheRehearsalOfAnInitIsToEnd) {
  TarBuilder tar;
  add_busybox(tar);
  tar.directory("lib").directory("lib/systemd");
  tar.file("lib/systemd/systemd", sys::read_file("/bin/busybox"), 0755);
  write_text(image_, tar.finish());
  const auto hook = script("waits", "echo it waits; sleep 1000");
  auto rehearsal = host_.start({DBOOT_INJECT, "--rehearse", "--grace", "3000", "--hook",
                                "before:start=" + hook, image_, "/lib/systemd/systemd"});
  std::string text;
  while (text.find("it waits") == std::string::npos) text += rehearsal.output([] { return true; });
  rehearsal.signal(SIGTERM);
  EXPECT_EQ(rehearsal.wait(), 128 + SIGTERM);
  EXPECT_THAT(text + rehearsal.output(), HasSubstr("info power the system ends by=poweroff"));
}

}  // namespace
}  // namespace dboot::testing
