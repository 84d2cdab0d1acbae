// dboot-log and dboot-plan, as they are called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Reading : public ::testing::Test {
 protected:
  SandboxHost::Result sh(const std::string& line) { return host_.run({"/bin/sh", "-c", line}); }
  SandboxHost::Result log(const std::string& arguments) { return sh(DBOOT_LOG " " + arguments); }
  SandboxHost::Result plan(const std::string& arguments) { return sh(DBOOT_PLAN " " + arguments); }
  std::string file(const std::string& name, const std::string& text) {
    write_text(directory_ / name, text);
    return (directory_ / name).string();
  }

  TemporaryDirectory directory_;
  SandboxHost host_;
};

TEST_F(Reading, TellsARehearsal) {
  const auto image = file("busybox.tar", busybox_image());
  const auto record = (directory_ / "record").string();
  const auto rehearsal = host_.run({DBOOT_INJECT, "--rehearse", "--save-log", record, image, "sh",
                                    "-c", "cp /run/dboot/plan /plan; cat /run/dboot/payload.log"});
  ASSERT_EQ(rehearsal.status, 0) << rehearsal.output;
  const auto page = log(record);
  EXPECT_EQ(page.status, 0);
  EXPECT_THAT(page.output, AllOf(StartsWith("A rehearsal with " + image + ", begun 20"),
                                 HasSubstr("The new system has started with /bin/sh, "),
                                 ContainsRegex("\n  release +[0-9.]+ s +[0-9.]+ m?s"),
                                 HasSubstr("skipped in a namespace")));
  const auto document = boost::json::parse(log("--json " + record).output).as_object();
  EXPECT_EQ(document.at("lines_lost").to_number<int>(), 0);
  EXPECT_EQ(document.at("scope").as_string(), "namespace");
  const auto same = log("diff " + record + " " + record);
  EXPECT_THAT(same.output,
              AllOf(StartsWith("Before: The new system"), HasSubstr("Nothing else has changed.")));
}

TEST_F(Reading, SaysWhyThereIsNothingToTell) {
  const auto empty = file("empty", "");
  const auto other = file("other", "Nov 27 10:00:00 host sshd[1]: hello\n\x01\x02\n");
  const auto newer = file("newer", "[0.000010] info preflight record begins format=2\n");
  const std::pair<std::string, std::string> cases[] = {
      {directory_.path().string() + "/missing", "No such file or directory"},
      {directory_.path().string(), "Is a directory"},
      {empty, "is empty"},
      {other, "no line of a record is among the 2 lines of"},
      {newer, "has a record of a newer format than 1"},
      {"", "/run/dboot/payload.log"},
      {"--previous", "no earlier takeover has left a record"},
      {"diff " + newer + " " + empty, "newer format"},
      {"--svg /nonexistent/x " +
           file("record", "[0.000010] info preflight record begins format=1\n"),
       "write /nonexistent/x: No such file"},
  };
  for (const auto& [arguments, words] : cases) {
    const auto result = log(arguments);
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_THAT(result.output, AllOf(HasSubstr("dboot-log: error: "), HasSubstr(words),
                                     HasSubstr("dboot-log: to mend it: ")));
  }
  for (const std::string wrong :
       {"--colour", "a b", "diff a", "--previous a", "--svg", "--svg x diff a b", "diff '' a",
        "--previous diff a b", "a diff b c", "--svg '' a"})
    EXPECT_EQ(log(wrong).status, 2) << wrong;
  EXPECT_THAT(log("- <&-").output, HasSubstr("cannot read standard input"));
  EXPECT_THAT(log("- </").output, HasSubstr("cannot read standard input"));
}

TEST_F(Reading, DrawsToAFileOrStandardOutputAndNotOverTheRecord) {
  const auto record = file("record", "[0.000010] info preflight record begins format=1\n");
  const auto picture = (directory_ / "picture.svg").string();
  EXPECT_EQ(log("--svg " + picture + " " + record).output, "");
  EXPECT_EQ(log("--svg - " + record).output, sh("cat " + picture).output);
  EXPECT_THAT(log("--svg " + record + " " + record).output,
              HasSubstr("would take the place of the record"));
}

TEST_F(Reading, FindsTheNewestOfThePreviousByWhatItSaysOfItself) {
  const std::string begins = "[0.000010] info preflight record begins format=1 time=";
  const auto prepare =
      "set -e; mount -t tmpfs x /var/log; mkdir /var/log/dboot; cd /var/log/dboot; echo '" +
      begins + "2030-01-01T00:00:00Z' >a.log; echo '" + begins +
      "2020-01-01T00:00:00Z' >b.log; touch -d 2001-01-01 a.log; ln -s /proc/self/mem c.log; ";
  const auto result = sh(prepare + DBOOT_LOG " --previous");
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("begun 2030"), HasSubstr("from /var/log/dboot/a.log"),
                    HasSubstr("there is also /var/log/dboot/b.log"), HasSubstr("passed over")));
}

TEST_F(Reading, NoticesThatNobodyReads) {
  const auto record = file("record", "[0.000010] info preflight record begins format=1\n");
  for (const std::string to : {"/dev/full", "&-"}) {
    const auto result = log(record + " >" + to);
    EXPECT_EQ(result.status, 1) << to;
    EXPECT_THAT(result.output, HasSubstr("cannot write to standard output"));
  }
}

/// Two million lines, in 64 MiB of address space.
TEST_F(Reading, TakesLittleMemoryForALongLog) {
  const auto result = sh(
      "{ echo '[0.000010] info preflight record begins format=1'; busybox awk 'BEGIN { for (n = 0; "
      "n < 1000000; ++n) "
      "printf \"host kernel: noise\\n[%d.%06d] debug terminate gone pid=%d command=c%d "
      "after=%d.0ms killed=no\\n\", "
      "n / 1000000, n % 1000000, n, n, n % 1000 }'; } | (ulimit -v 65536; exec " DBOOT_LOG " -)");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("Ended: 1000000 processes"));
}

TEST_F(Reading, PlanComesBackAsItWasMade) {
  const auto made = (directory_ / "plan").string();
  const auto json = file("plan.json", R"({"executable":"/bin/sh","arguments":["sh","\\xff"]})");
  EXPECT_EQ(plan("make " + json + " --output " + made).output, "");
  EXPECT_THAT(plan("check " + made).output, HasSubstr("takes it"));
  EXPECT_THAT(plan("show " + made).output, HasSubstr("executable: /bin/sh\n"));
  const auto again = sh(DBOOT_PLAN " show --json " + made +
                        " | " DBOOT_PLAN " make - --output - | cmp - " + made + " && echo same");
  EXPECT_EQ(again.output, "same\n");
  // What was there has been replaced, and nobody else reads the new one.
  const auto old = file("old", "x");
  EXPECT_EQ(plan("make " + json + " --output " + old).output, "");
  EXPECT_EQ(sh("stat -c %a " + old).output, "600\n");
  EXPECT_EQ(sh("cmp " + old + " " + made).status, 0);
  // A link stays one.
  const auto link = (directory_ / "link").string();
  EXPECT_EQ(sh("echo x >" + old + "; ln -s " + old + " " + link).status, 0);
  EXPECT_EQ(plan("make " + json + " --output " + link).output, "");
  EXPECT_EQ(sh("test -L " + link + " && cmp " + old + " " + made).status, 0);
}

TEST_F(Reading, APlanThatCannotBeWrittenLeavesWhatWasThere) {
  const auto json = file("plan.json", R"({"executable":"/bin/sh"})");
  const auto result =
      sh("mkdir /tmp/small; mount -t tmpfs -o size=4k x /tmp/small; cd /tmp/small; "
         "echo old >plan; " DBOOT_PLAN " make " +
         json + " --output plan; echo $?; cat plan; ls");
  EXPECT_THAT(result.output, AllOf(HasSubstr("No space left"), HasSubstr("\n1\nold\nplan\n")));
}

/// Nothing of a plan reaches a terminal as it is.
TEST_F(Reading, APlanCannotDraw) {
  const auto made = (directory_ / "plan").string();
  const auto json = file("plan.json", R"({"executable":"/bin/\\x1b[2J\\n","hostname":"h\\nx: y"})");
  ASSERT_EQ(plan("make " + json + " --output " + made).output, "");
  EXPECT_THAT(plan("show " + made).output, AllOf(HasSubstr("executable: /bin/\\x1b[2J\\n\n"),
                                                 HasSubstr("hostname: h\\nx: y\n")));
}

TEST_F(Reading, SaysWhyAPlanIsNone) {
  const std::pair<std::string, std::string> cases[] = {
      {"check " + file("text", "something else, of more than 24 bytes"),
       "does not begin with DBOOTPLN"},
      {"show " + file("empty", ""), "the plan is empty"},
      {"show", "/run/dboot/plan"},
      {"check " + directory_.path().string(), "Is a directory"},
      {"check /dev/zero", "larger than any plan"},
      {"make " + file("half.json", "{\n \"executable\":,") + " --output -",
       "is no JSON: syntax error at line 2, column 15"},
      {"make " + file("other.json", "{\"executable\":\"/x\",\"color\":1}") + " --output -",
       "the field color is unknown"},
      {"make " + file("relative.json", "{\"executable\":\"x\"}") + " --output -",
       "executable 'x' is not an absolute path"},
      {"make " + file("good.json", "{\"executable\":\"/x\"}") + " --output /nonexistent/plan",
       "/nonexistent/plan"},
  };
  for (const auto& [arguments, words] : cases) {
    const auto result = plan(arguments);
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_THAT(result.output, AllOf(HasSubstr("dboot-plan: error: "), HasSubstr(words),
                                     HasSubstr("dboot-plan: to mend it: ")));
  }
  for (const std::string wrong : {"", "make x", "show a b", "draw"})
    EXPECT_EQ(plan(wrong).status, 2) << wrong;
}

}  // namespace
}  // namespace dboot::testing
