#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tools/dboot-log/account.hpp"
#include "tools/dboot-log/comparison.hpp"
#include "tools/dboot-log/json.hpp"
#include "tools/dboot-log/page.hpp"
#include "tools/dboot-log/path.hpp"
#include "tools/dboot-log/reader.hpp"
#include "tools/dboot-log/sources.hpp"
#include "tools/dboot-log/timeline.hpp"

namespace dboot {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using namespace std::chrono_literals;

/// Of a machine with a service that did not end and a disk that stayed busy.
constexpr std::string_view takeover =
    R"([0.000010] info preflight record begins format=1 time=2026-11-27T10:00:00Z program=dboot-inject version=0.1.0
[0.000020] debug preflight asked for what="take over" image=debian force=no
[0.100000] info image started line=3
[4.100000] info image the new root is filled bytes=100 duration=4000.0ms
[4.200000] info inject started line=5
[4.290000] debug wake call name=write about=x result=ok
[4.300000] info wake started line=7
[4.300100] info inject PID 1 has executed the payload stood_still=9.5ms
[4.300200] info wake payload program=dboot-init scope=machine
[4.310000] info wake finished duration=10.0ms
[4.400000] info terminate started line=11
[4.410000] debug terminate gone pid=20 command=cron after=8.0ms killed=no
[5.400000] info terminate still waiting what="the end of a process" for=1000.0ms pid=30 command=stuck
[14.400000] warning terminate killed: not ended within the grace period pid=30 command=stuck
[14.405000] debug terminate gone pid=30 command=stuck after=10000.0ms killed="the grace period is over"
[14.410000] info terminate finished duration=10010.0ms
[14.420000] info release started line=17
[14.430000] debug release call name=pivot_root about=/run/dboot/root result=ok
[14.440000] debug release call name=umount2 about=/run/.old-root/srv result=ok type=ext4 rounds=1
[14.441000] debug release call name=umount2 about=/ result="Device or resource busy" type=ext4 rounds=1
[14.500000] warning release still busy, detached mount=/ type=ext4 source=/dev/vda1 held_by="pid 7" result=ok
[14.510000] error release still busy device=/dev/vda1 was="ext4 on /" held_by=dm-0 reason=EBUSY
[14.520000] info release finished duration=100.0ms
[14.530000] info hand-over started line=24
[14.531000] info hand-over starting executable=/sbin/init as=exec
[14.540000] info hand-over finished duration=10.0ms
[14.550000] info start started line=27
)";

reader::Counts tell(const std::string& text, Teller& teller) {
  std::istringstream stream(text);
  return reader::read(stream, [&](const log::Record& record) { teller.tell(record); });
}

Account account_of(const std::string& text) {
  Teller teller;
  tell(text, teller);
  const auto account = teller.finish();
  return account ? *account : Account{};
}

Account of_the_takeover() {
  return account_of(std::string(takeover));
}

std::string replaced(std::string text, const std::string& old, const std::string& by) {
  for (auto at = text.find(old); at != std::string::npos; at = text.find(old, at + by.size()))
    text.replace(at, old.size(), by);
  return text;
}

TEST(DbootLogReader, FindsARecordBehindWhatOthersPutBeforeIt) {
  const std::string line = R"([14.400000] warning terminate killed pid=30 command="a b")";
  const auto expected = log::parse(line);
  ASSERT_TRUE(expected);
  for (const std::string& text : {
           line,
           "[   14.500000] dboot: " + line,
           "<28>[   14.500000] dboot: " + line + "\r",
           "Nov 27 10:00:14 host kernel: dboot: " + line,
           "2026-11-27T10:00:14.5+00:00 host kernel: dboot: " + line,
           "\x1b[0;32m" + line + "\x1b[0m",
           "\x1b]0;title\a\x1b(B" + line,
           "login: " + line,
           "6,1234,14500000,-;dboot: " + line,
       }) {
    const auto found = reader::find_record(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(*found, *expected) << text;
  }
}

TEST(DbootLogReader, TakesOtherLinesForNone) {
  for (const char* text :
       {"", "[", "[   14.500000] usb 1-1: new device", "[14.400000] info", "[14.4] info wake x",
        "[14.400000] notice wake x", "[14.400000]info wake x", "an [14.400000 info wake x"})
    EXPECT_FALSE(reader::find_record(text)) << text;
}

TEST(DbootLogReader, TakesWhatIsThereOfALineThatIsCut) {
  const auto found = reader::find_record(R"([1.000000] info wake x a=1 b="cut he)");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->message, "x");
  ASSERT_THAT(found->facts, SizeIs(2));
  EXPECT_EQ(found->fact("a"), "1");
  EXPECT_EQ(found->fact("b"), "cut he…");
  const auto fact_of = [](const std::string& line) {
    const auto record = reader::find_record("[1.000000] info wake x " + line);
    return record ? std::string(record->fact("b").value_or("none")) : "no record";
  };
  EXPECT_EQ(fact_of(R"(b="cut \x1)"), "cut …");
  EXPECT_EQ(fact_of(R"(b="cut \)"), "cut …");
  EXPECT_EQ(fact_of("a=1 b=2 c"), "2");
  std::string words = "b=\"w";
  for (int count = 0; count < 100; ++count) words += " w";
  EXPECT_THAT(fact_of(words), HasSubstr("w w w…"));
  // As dmesg has them in the locale C, and /dev/kmsg always.
  EXPECT_EQ(fact_of(R"(a=\xc3\xa9 b=caf\xc3\xa9)"), "caf\u00e9");
  // With something of another program's behind it.
  EXPECT_EQ(fact_of(R"(b="x y"[   12.0] usb)"), "x y");
}

TEST(DbootLogReader, TellsARepeatedLineOnce) {
  Teller teller;
  const auto counts =
      tell("[1.000000] info wake a\r\nnoise\n[    1.1] dboot: [1.000000] info wake a\n", teller);
  EXPECT_EQ(counts.lines, 3U);
  EXPECT_EQ(counts.records, 1U);
  EXPECT_EQ(counts.repeated, 1U);
}

TEST(DbootLogReader, LooksAtALongLineUpToItsLimit) {
  Teller teller;
  const std::string zeros(std::size_t{1} << 20U, '\0');
  EXPECT_EQ(tell(zeros + "\n[1.000000] info wake a\n" + zeros, teller).lines, 3U);
  EXPECT_EQ(teller.finish()->lines, 1U);
}

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
  EXPECT_THAT(timeline(told), AllOf(HasSubstr(">power: 0.500 s<"), Not(HasSubstr("-"
                                                                                 "0."))));
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
  const auto text = std::string(takeover);
  const auto account = account_of(text.substr(text.find("[4.400000] info terminate")));
  EXPECT_EQ(account.lines_lost, 10U);
  EXPECT_THAT(page::outcome(account), HasSubstr("14.550 s after the takeover began."));
}

TEST(DbootLogAccount, TellsTheLastOfSeveralTakeovers) {
  Teller teller;
  tell(std::string(takeover) + "[0.000010] info preflight record begins format=1 time=later\n",
       teller);
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
  const auto text = replaced(std::string(takeover), "line=17", "line=20");
  EXPECT_EQ(account_of(text).lines_lost, 3U);
  EXPECT_EQ(account_of(std::string(takeover) + "[15.000000] warning start lines left out count=7\n")
                .lines_lost,
            7U);
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
  const auto text = std::string(takeover);
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

TEST(DbootLogPage, IsForAPerson) {
  EXPECT_EQ(page::text(of_the_takeover()),
            R"(A takeover with debian, begun 2026-11-27T10:00:00Z.
The new system has started with /sbin/init, 10.250 s after the point of no return.
Point of no return at 4.300 s, pivot at 14.430 s.

Phases                       began        took
  preflight                 0.000 s     0.100 s
  image                     0.100 s     4.100 s  ########
  inject                    4.200 s     90.0 ms
  wake                      4.290 s     20.0 ms
  terminate                 4.400 s    10.010 s  #####################
  release                  14.420 s     0.100 s
  hand-over                14.530 s     10.0 ms
  start                    14.550 s      0.0 ms

Where the time went
     4.000 s  image: the new root is filled (bytes 100, duration 4000.0ms)
    10.000 s  terminate: the end of stuck (pid 30), which was killed: the grace period is over

Stayed busy
    14.500 s  / of the old system: busy, held by pid 7
    14.510 s  /dev/vda1: EBUSY, held by dm-0

Warnings and errors
    14.400 s  killed: not ended within the grace period (pid 30, command stuck)

Waited for
     5.400 s  the end of a process, for 1000.0ms (pid 30, command stuck)

Ended: 2 processes, 1 of them killed; the slowest first
    10.000 s  stuck (pid 30), killed: the grace period is over
      8.0 ms  cron (pid 20)

Calls that failed, and were tried again or done without
    14.441 s  umount2 /: Device or resource busy

Freed
    14.440 s  umount2 /srv
)");
}

TEST(DbootLogPage, NamesCannotDraw) {
  const auto account =
      account_of(R"([1.000000] debug terminate gone pid=1 command="\x1b[2J" after=1.0ms killed=no)"
                 "\n");
  EXPECT_THAT(page::text(account), AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b"))));
}

TEST(DbootLogJson, HasAllOfIt) {
  const auto document = boost::json::parse(json(of_the_takeover())).as_object();
  EXPECT_EQ(document.at("format").to_number<int>(), 1);
  EXPECT_EQ(document.at("outcome").as_string(), "started");
  EXPECT_EQ(document.at("no_return_us").to_number<int>(), 4300100);
  EXPECT_EQ(document.at("phases").as_array().size(), 8U);
  EXPECT_EQ(document.at("processes").at("slowest").at(0).at("command").as_string(), "stuck");
  EXPECT_EQ(document.at("busy").at("first").at(1).at("facts").at("device").as_string(),
            "/dev/vda1");
  EXPECT_EQ(document.at("mend"), boost::json::value());
}

/// Those of an object and of all that are in it, but for the facts of a line.
void collect_keys(const boost::json::value& value, std::set<std::string>& keys) {
  if (value.is_array()) {
    for (const auto& item : value.get_array()) collect_keys(item, keys);
  } else if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      keys.emplace(member.key());
      if (member.key() != "facts") collect_keys(member.value(), keys);
    }
  }
}

TEST(DbootLogJson, HasEveryFieldInItsManualPage) {
  const auto page = sys::read_file(DBOOT_SOURCE_DIR "/tools/dboot-log/dboot-log.1.md");
  const auto account = of_the_takeover();
  std::set<std::string> keys;
  collect_keys(boost::json::parse(json(account)), keys);
  collect_keys(boost::json::parse(json(compare(account, account))), keys);
  EXPECT_GT(keys.size(), 40U);
  for (const auto& key : keys) EXPECT_THAT(page, HasSubstr('`' + key + '`'));
}

TEST(DbootLogTimeline, IsWellFormedAndHasEverything) {
  const auto text = replaced(std::string(takeover), "command=stuck", R"(command="<b>&\"")");
  const auto svg = timeline(account_of(text));
  EXPECT_THAT(svg, AllOf(HasSubstr("&lt;b&gt;&amp;&quot; 30"), Not(HasSubstr("<b>")),
                         HasSubstr("point of no return"), HasSubstr(">pivot<"),
                         HasSubstr("prefers-color-scheme: dark"), HasSubstr("stayed busy: /"),
                         HasSubstr("killed, the grace period is over")));
  EXPECT_THAT(timeline(Account{}), HasSubstr("</svg>"));
}

TEST(DbootLogComparison, NamesWhatGotSlowerAndWhatIsNew) {
  const auto before = of_the_takeover();
  auto text =
      replaced(std::string(takeover), "command=cron after=8.0ms", "command=cron after=2008.0ms");
  text = replaced(text, "/dev/vda1", "/dev/vdb");
  text = replaced(text, "[14.520000] info release finished", "[16.420000] info release finished");
  const auto comparison = compare(before, account_of(text));
  ASSERT_THAT(comparison.processes, SizeIs(1));
  EXPECT_EQ(comparison.processes[0].name, "cron");
  EXPECT_EQ(comparison.processes[0].more(), 2s);
  EXPECT_THAT(comparison.troubles, ElementsAre("/dev/vdb: EBUSY, held by dm-0"));
  EXPECT_THAT(comparison.mended, ElementsAre("/dev/vda1: EBUSY, held by dm-0"));
  EXPECT_THAT(::dboot::text(comparison),
              AllOf(HasSubstr("release                   0.100 s     2.000 s  +1.900 s  x20.00\n"),
                    HasSubstr("cron                       8.0 ms     2.008 s  +2.000 s")));
}

TEST(DbootLogComparison, SaysNothingOfProcessesThatItMayNotKnow) {
  const auto line = [](int pid, const std::string& command, int took) {
    return "[9.000000] debug terminate gone pid=" + std::to_string(pid) + " command=" + command +
           " after=" + std::to_string(took) + ".0ms killed=\"it ignores SIGTERM\"\n";
  };
  const std::string both = line(1, "zz", 150) + line(2, "x", 200);
  std::string many = both;
  for (int pid = 3; pid < 1100; ++pid) many += line(pid, "x", 200);
  const auto comparison = compare(account_of(many), account_of(both));
  EXPECT_THAT(comparison.processes, IsEmpty());
  EXPECT_THAT(comparison.killed, IsEmpty());
}

TEST(DbootLogComparison, OfARecordWithItselfNamesNothing) {
  const auto comparison = compare(of_the_takeover(), of_the_takeover());
  EXPECT_THAT(comparison.processes, IsEmpty());
  EXPECT_THAT(comparison.troubles, IsEmpty());
  EXPECT_THAT(comparison.mended, IsEmpty());
  EXPECT_THAT(comparison.killed, IsEmpty());
  EXPECT_THAT(text(comparison), HasSubstr("Nothing else has changed."));
}

class DbootLogSources : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text, std::chrono::hours age) const {
    const std::filesystem::path path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - age);
  }
  std::string root() const { return (directory_ / "").string(); }

  TemporaryDirectory directory_;
};

TEST_F(DbootLogSources, TheNewestOfThePreviousComesFirst) {
  write("var/log/dboot/a.log", "", 3h);
  write("var/log/dboot/b.log", "", 1h);
  write("var/log/dboot/note.txt", "", 0h);
  write("var/lib/systemd/pstore/17/dmesg.txt", "x\n", 2h);
  std::vector<std::string> names;
  for (const auto& source : sources::of_previous_systems(root()))
    names.push_back(std::filesystem::path(source.name).filename().string());
  EXPECT_THAT(names, ElementsAre("b.log", "dmesg.txt", "a.log"));
}

TEST_F(DbootLogSources, PartsOfADumpAreReadInTheirOrder) {
  write("sys/fs/pstore/dmesg-efi-2", "Panic#1 Part2\nfirst\n", 1h);
  write("sys/fs/pstore/dmesg-efi-1", "Panic#1 Part1\nlast\n", 1h);
  write("sys/fs/pstore/dmesg-efi-10", "Panic#1 Part10\nvery first\n", 1h);
  const auto found = sources::of_previous_systems(root());
  ASSERT_THAT(found, SizeIs(1));
  std::string text;
  sources::read(found[0], [&](std::istream& stream) {
    text.append(std::istreambuf_iterator<char>(stream), {});
  });
  EXPECT_EQ(text, "Panic#1 Part10\nvery first\nPanic#1 Part2\nfirst\nPanic#1 Part1\nlast\n");
}

/// Each first dump of a system is called Panic#1.
TEST_F(DbootLogSources, DumpsOfSeveralSystemsAreSeveral) {
  write("sys/fs/pstore/dmesg-efi-11", "Panic#1 Part1\nold end\n", 9h);
  write("sys/fs/pstore/dmesg-efi-12", "Panic#1 Part2\nold\n", 9h);
  write("sys/fs/pstore/dmesg-efi-21", "Panic#1 Part1\nnew end\n", 1h);
  write("sys/fs/pstore/dmesg-efi-22", "Panic#1 Part2\nnew\n", 1h);
  const auto found = sources::of_previous_systems(root());
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0].files, ElementsAre(HasSubstr("efi-22"), HasSubstr("efi-21")));
  EXPECT_THAT(found[1].files, ElementsAre(HasSubstr("efi-12"), HasSubstr("efi-11")));
}

/// systemd-pstore keeps the parts of what it has put together.
TEST_F(DbootLogSources, PartsOfWhatIsWholeAreNotReadOnceMore) {
  write("var/lib/systemd/pstore/17/dmesg.txt", "Panic#1 Part2\nx\nPanic#1 Part1\ny\n", 1h);
  write("var/lib/systemd/pstore/17/dmesg-efi-1", "Panic#1 Part1\ny\n", 1h);
  const auto found = sources::of_previous_systems(root());
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].name, HasSubstr("dmesg.txt"));
}

TEST_F(DbootLogSources, OfNothingThereIsNone) {
  EXPECT_THAT(sources::of_previous_systems(root()), IsEmpty());
  const std::string missing = root() + "missing";
  EXPECT_THROW(sources::read({missing, {missing}, {}}, [](std::istream&) {}), std::system_error);
  EXPECT_THROW(sources::read({root(), {root()}, {}}, [](std::istream&) {}), std::system_error);
}

}  // namespace
}  // namespace dboot
