#include "tools/dboot-log/account.hpp"

#include <gmock/gmock.h>

#include "tests/unit/dboot_log_sample.hpp"
#include "tools/dboot-log/page.hpp"
#include "tools/dboot-log/path.hpp"
#include "tools/dboot-log/timeline.hpp"

namespace dboot {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace sample;
using namespace std::chrono_literals;

TEST(DbootLogAccount, HasThePhasesWithTheirDurations) {
  const auto account = of_the_takeover();
  std::vector<std::string> phases;
  for (const auto& phase : account.phases)
    phases.push_back(phase.name + " " + page::seconds(phase.ended - phase.began));
  EXPECT_THAT(phases, ElementsAre("preflight 0.100 s", "image 4.100 s", "inject 0.090 s",
                                  "wake 0.020 s", "terminate 10.010 s", "release 0.100 s",
                                  "hand-over 0.010 s", "start 0.000 s"));
  EXPECT_EQ(account.no_return, 4300100us);
  EXPECT_EQ(account.pivot, 14430000us);
  EXPECT_EQ(account.outcome, Account::Outcome::started);
  EXPECT_EQ(account.without_a_system(), 14550000us - 4300100us);
  EXPECT_EQ(account.lines_lost, 0U);
}

TEST(DbootLogAccount, HasWhatWasEndedFreedAndWhatStayedBusy) {
  const auto account = of_the_takeover();
  EXPECT_EQ(account.processes, 2U);
  EXPECT_EQ(account.killed, 1U);
  ASSERT_THAT(account.slowest, SizeIs(2));
  EXPECT_EQ(account.slowest[0].command, "stuck");
  EXPECT_EQ(account.slowest[0].asked, 4405000us);
  EXPECT_EQ(account.slowest[1].command, "cron");
  EXPECT_EQ(account.freed.count, 1U);
  EXPECT_EQ(account.busy.count, 2U);
  EXPECT_EQ(account.waited.count, 1U);
  EXPECT_EQ(account.failed_calls.count, 1U);
  EXPECT_EQ(account.troubles.count, 1U);
}

TEST(DbootLogAccount, KnowsWhatTheTimeWentTo) {
  std::vector<std::string> steps;
  for (const auto& step : path::critical(of_the_takeover()))
    steps.push_back(step.phase + ": " + step.what);
  EXPECT_THAT(steps,
              ElementsAre("image: the new root is filled (bytes 100, duration 4000.0ms)",
                          "terminate: the end of stuck (pid 30), which was killed: the grace "
                          "period is over"));
}

std::vector<std::string> path_of(const std::string& text) {
  std::vector<std::string> steps;
  for (const auto& step : path::critical(account_of(text)))
    steps.push_back(page::duration(step.took) + ' ' + step.phase + ": " + step.what);
  return steps;
}

/// Whoever is killed last has come late, and is not what was waited for.
TEST(DbootLogPath, IsOfThoseThatWereWaitedForOneAfterTheOther) {
  EXPECT_THAT(
      path_of("[0.300000] info terminate started line=2\n"
              "[2.300000] debug terminate gone pid=9 command=quick after=2000.0ms killed=no\n"
              "[30.300000] debug terminate gone pid=10 command=slow after=30000.0ms killed=no\n"
              "[30.301000] debug terminate gone pid=11 command=child after=0.2ms killed=no\n"
              "[35.301000] debug terminate gone pid=12 command=store after=4999.0ms killed=no\n"
              "[35.302000] info terminate finished duration=35002.0ms\n"
              "[35.400000] info release started line=6\n"
              "[65.400000] debug release call name=umount2 about=/nfs result=ok\n"
              "[65.401000] debug release gone pid=13 command=iscsid after=0.5ms killed=no\n"
              "[65.402000] info release finished duration=30002.0ms\n"),
      ElementsAre("30.000 s terminate: the end of slow (pid 10)",
                  "4.999 s terminate: the end of store (pid 12)",
                  "30.000 s release: umount2 /nfs"));
}

TEST(DbootLogPath, HasEveryLongWaitOfAPhaseAndNothingThatCameLate) {
  EXPECT_THAT(path_of("[1.000000] info release started line=2\n"
                      "[2.000000] debug release call name=umount2 about=/a result=ok\n"
                      "[2.600000] info release still waiting what=\"umount2 /b\" for=600.0ms\n"
                      "[5.000000] debug release call name=umount2 about=/b result=ok\n"
                      "[1.500000] debug release call name=sync about=/ result=ok\n"
                      "[6.000000] info release finished duration=5000.0ms\n"
                      "[6.000000] info start started line=7\n"),
              ElementsAre("1.000 s release: umount2 /a", "3.000 s release: umount2 /b",
                          "1.000 s release: up to its end"));
}

TEST(DbootLogAccount, HasWhatIsKeptApart) {
  const auto account = account_of(
      "[1.000000] info release mount kept mount=/srv type=ext4 source=/dev/vdb\n"
      "[1.500000] info release released device=/dev/vda was=\"ext4 on /\"\n"
      "[1.600000] info release kept device=/dev/vdb was=\"ext4 on /srv\"\n");
  EXPECT_EQ(account.kept.count, 2U);
  EXPECT_EQ(account.freed.count, 1U);
}

TEST(DbootLogAccount, KnowsHowTheNewSystemHasEnded) {
  const std::string begin =
      "[1.000000] info start started line=2\n[1.100000] info supervise started line=3\n"
      "[5.100000] info supervise the command has ended how=\"exit status 3\"\n";
  EXPECT_EQ(account_of(begin).command_ended, "exit status 3");
  EXPECT_THAT(page::outcome(account_of(begin)), HasSubstr("ended: exit status 3."));
  const auto told =
      account_of(begin +
                 "[6.000000] info power started line=5\n"
                 "[6.000000] info power the system ends by=reboot\n"
                 "[6.500000] debug power gone pid=9 command=sh after=500.0ms killed=no\n");
  EXPECT_EQ(told.outcome, Account::Outcome::ended);
  EXPECT_EQ(told.reason, "reboot");
  // It was no process of the old system.
  EXPECT_EQ(told.processes, 0U);
  EXPECT_THAT(timeline(told), HasSubstr(">power: 0.500 s<"));
}

TEST(DbootLogAccount, KnowsASystemThatWasToldToEndBeforeItHadBegun) {
  const auto account = account_of(
      "[1.000000] info break started line=2\n"
      "[1.000000] warning break stopped: exit goes on at=after:release\n"
      "[2.000000] info power started line=4\n"
      "[2.000000] info power the system ends by=reboot\n");
  EXPECT_EQ(account.phases[0].label(), "break after:release");
  EXPECT_EQ(page::outcome(account),
            "The system was told to end: reboot, and its command was not started; it was stopped "
            "at after:release.");
}

TEST(DbootLogAccount, TakesAnInitThatHasEndedForAFailure) {
  const auto account = account_of(
      "[1.000000] info start started line=2\n"
      "[1.100000] warning inject PID 1 has ended, which it must not: the kernel of a machine "
      "panics "
      "how=\"exit status 4\" a_machine=\"reboots\"\n");
  EXPECT_EQ(page::outcome(account),
            "The takeover has failed: PID 1 has ended: exit status 4.\nA machine reboots.");
}

TEST(DbootLogAccount, HasWhatAHookHasSaidThatFailed) {
  std::string text =
      "[1.000000] info hook started line=2\n"
      "[1.000000] info hook running at=before:release program=/run/dboot/hooks/1\n";
  for (const char* word : {"1", "2", "3", "4", "5", "6"})
    text += std::string("[1.100000] info hook output text=") + word + '\n';
  text +=
      "[1.200000] warning hook the hook has failed reason=\"exit status 7\"\n"
      "[1.300000] info hook finished duration=300.0ms\n";
  const auto account = account_of(text);
  EXPECT_THAT(account.phases[0].said, ElementsAre("2", "3", "4", "5", "6"));
  EXPECT_THAT(page::text(account),
              AllOf(HasSubstr("  hook before:release "),
                    HasSubstr("  warning: exit status 7\n      it wrote: 2\n")));
}

TEST(DbootLogAccount, KnowsWhoWasStillThereWhereTheRecordStops) {
  const auto account = account_of(
      "[1.000000] info terminate started line=2\n"
      "[1.100000] debug terminate asked to end pid=5 command=a\n"
      "[1.100000] debug terminate asked to end pid=6 command=b\n"
      "[1.200000] debug terminate gone pid=5 command=a after=100.0ms killed=no\n");
  EXPECT_THAT(page::text(account),
              HasSubstr("Asked to end, and not gone by the last line\n     1.100 s  b (pid 6)\n"));
}

TEST(DbootLogAccount, TakesADryRunAndACopyOnADiskForWhatTheyAre) {
  EXPECT_EQ(account_of("[1.000000] info image the dry run ends\n").outcome,
            Account::Outcome::dry_run);
  EXPECT_THAT(page::outcome(account_of("[1.000000] info release the log is on the disk\n")),
              HasSubstr("this copy is of the old system's disk"));
}

TEST(DbootLogAccount, TakesAnErrorForNoneWhereATakeoverFollows) {
  const auto account = account_of(
      "[0.100000] error preflight E\n[0.400000] info wake started line=3\n"
      "[0.610000] warning release y reason=z\n");
  EXPECT_EQ(account.outcome, Account::Outcome::unfinished);
  EXPECT_EQ(account.troubles.count, 1U);
}

TEST(DbootLogAccount, NoticesThatItsBeginningIsMissing) {
  const auto text = takeover();
  const auto account = account_of(text.substr(text.find("[4.400000] info terminate")));
  EXPECT_EQ(account.lines_lost, 10U);
  EXPECT_THAT(page::outcome(account), HasSubstr("14.550 s after the takeover began."));
}

TEST(DbootLogAccount, TellsTheLastOfSeveralTakeovers) {
  Teller teller;
  tell(takeover() + "[0.000010] info preflight record begins format=1 time=later\n", teller);
  const auto account = teller.finish();
  ASSERT_TRUE(account);
  EXPECT_EQ(account->time, "later");
  EXPECT_EQ(teller.earlier(), 1U);
}

/// The kernel's log has the lines of dboot-init alone.
TEST(DbootLogAccount, TellsTheLastOfSeveralTakeoversInTheKernelsLog) {
  Teller teller;
  tell(
      "[4.300000] info wake started line=6\n[4.310000] info wake finished duration=10.0ms\n"
      "[2.300000] info wake started line=6\n[2.400000] error failure the takeover has failed "
      "reason=x\n",
      teller);
  const auto account = teller.finish();
  ASSERT_TRUE(account);
  EXPECT_EQ(teller.earlier(), 1U);
  EXPECT_EQ(account->outcome, Account::Outcome::failed);
  EXPECT_EQ(account->reason, "x");
  EXPECT_FALSE(account->has_details);
}

TEST(DbootLogAccount, NoticesThatLinesAreMissing) {
  const auto text = replaced(takeover(), "line=17", "line=20");
  EXPECT_EQ(account_of(text).lines_lost, 3U);
  EXPECT_EQ(
      account_of(takeover() + "[15.000000] warning start lines left out count=7\n").lines_lost, 7U);
}

TEST(DbootLogAccount, TellsACopyForAScreenFromAShortRecord) {
  const std::string begin = "[0.000010] info preflight record begins format=1\n";
  EXPECT_TRUE(account_of(begin + "[0.100000] info image started line=2\n").has_details);
  const auto shown = account_of(begin + "[0.100000] info image started line=9\n");
  EXPECT_FALSE(shown.has_details);
  EXPECT_EQ(shown.lines_lost, 0U);
}

TEST(DbootLogAccount, TakesDatagramsAsTheyCome) {
  const auto account = account_of(
      "[1.000000] info wake started line=2\n"
      "[2.000000] info terminate started line=4\n"
      "[1.500000] info wake finished duration=500.0ms\n"
      "[3.000000] info terminate finished duration=1000.0ms\n");
  ASSERT_THAT(account.phases, SizeIs(2));
  EXPECT_EQ(account.phases[0].end, Account::Phase::End::finished);
  EXPECT_EQ(account.phases[0].ended, 1500ms);
}

TEST(DbootLogAccount, KnowsARehearsalThatCameToNothing) {
  EXPECT_EQ(
      account_of("[0.1] x\n[0.000020] info preflight asked for what=rehearse image=x\n").scope,
      "namespace");
}

TEST(DbootLogAccount, KnowsANewerFormat) {
  EXPECT_FALSE(of_the_takeover().newer_format);
  EXPECT_TRUE(account_of("[0.000000] info preflight record begins format=2\n").newer_format);
  EXPECT_TRUE(account_of("[0.000000] info preflight record begins format=two\n").newer_format);
}

TEST(DbootLogAccount, SaysWhyNothingWasReplaced) {
  const auto account = account_of(
      "[0.000010] info preflight record begins format=1\n"
      "[0.200000] error image the image has no /bin/x that can be executed mend=\"name one that it "
      "has\"\n");
  EXPECT_EQ(account.outcome, Account::Outcome::not_taken);
  EXPECT_THAT(page::outcome(account),
              AllOf(HasSubstr("Nothing was replaced: the image has no /bin/x"),
                    HasSubstr("To mend it: name one that it has.")));
}

TEST(DbootLogAccount, KnowsWhichPhaseHasFailed) {
  const auto account = account_of(
      "[1.000000] info start started line=7\n"
      "[1.100000] info failure started line=8\n"
      "[1.200000] error failure the takeover has failed reason=\"execute /x: none\"\n");
  EXPECT_EQ(account.phases[0].end, Account::Phase::End::failed);
  EXPECT_EQ(account.phases[0].reason, "execute /x: none");
  EXPECT_EQ(account.phases[1].end, Account::Phase::End::open);
}

TEST(DbootLogAccount, SaysWhereARecordStops) {
  const auto text = takeover();
  const auto account = account_of(text.substr(0, text.find("[5.4")));
  EXPECT_EQ(page::outcome(account), "The record stops in terminate after 4.410 s.");
}

TEST(DbootLogAccount, IsBoundedHoweverLongTheRecordIs) {
  Teller teller;
  log::Record gone;
  gone.phase = "terminate";
  gone.level = log::Level::debug;
  gone.message = "gone";
  for (int number = 0; number < 5000; ++number) {
    gone.elapsed = Time(number);
    gone.facts = {
        {"pid", number}, {"command", "x"}, {"after", Time(number * 100)}, {"killed", "no"}};
    teller.tell(gone);
    gone.phase = number % 2 == 0 ? "hook" : "terminate";
  }
  const auto account = teller.finish();
  ASSERT_TRUE(account);
  EXPECT_EQ(account->processes, 5000U);
  ASSERT_THAT(account->slowest, SizeIs(Records::most));
  EXPECT_EQ(account->slowest.front().pid, "4999");
  EXPECT_EQ(account->slowest.back().pid, "4000");
  EXPECT_THAT(account->phases, SizeIs(Records::most));
}

TEST(DbootLogDuration, IsInMilliseconds) {
  EXPECT_EQ(parse_duration("74.5ms"), 74500us);
  EXPECT_EQ(parse_duration("10000.0ms"), 10s);
  for (const char* text :
       {"", "ms", "1ms", "1.25ms", "-1.0ms", "1.0s", "x.yms", "99999999999999999999.0ms"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace dboot
