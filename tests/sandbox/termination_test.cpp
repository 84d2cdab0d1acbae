#include <gmock/gmock.h>

#include <chrono>

#include "tests/sandbox/old_system.hpp"

// How the payload ends the processes of the old system, and those of the new one.
namespace dboot::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// Longer than any test may take: whoever waits for the end of it fails by its timeout.
constexpr auto for_ever = 1h;

TEST(Termination, ShellThatIgnoresSigtermIsKilledWithoutWaiting) {
  OldSystem system;
  system.plan().grace = for_ever;
  // From its first moment on.
  system.processes("trap '' TERM; sleep 3600 </dev/null >/dev/null 2>&1 & trap - TERM");
  ASSERT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), ContainsRegex("react=0 deaf=1"));
}

TEST(Termination, ProcessThatCatchesSigtermFinishesItsWork) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.processes(
      "sh -c 'trap \"sleep 0.3; echo saved >$WITNESS/work; exit\" TERM; echo x >$WITNESS/ready;"
      " while :; do sleep 0.05; done' </dev/null >/dev/null 2>&1 &"
      " while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  ASSERT_EQ(system.run(), 0);
  EXPECT_EQ(system.witnessed("work"), "saved\n") << system.output();
}

TEST(Termination, DaemonThatTakesSigtermBySigwaitFinishesItsWork) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.processes(
      "python3 -c '\nimport os, signal, time\n"
      "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
      "w = os.environ[\"WITNESS\"]\nopen(w + \"/ready\", \"w\")\n"
      "signal.sigwait({signal.SIGTERM})\nopen(w + \"/work\", \"w\").write(\"saved\")\n'"
      " </dev/null >/dev/null 2>&1 & while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  ASSERT_EQ(system.run(), 0);
  EXPECT_EQ(system.witnessed("work"), "saved") << system.output();
}

TEST(Termination, ProcessThatBlocksSigtermAndNeverTakesItIsNotWaitedFor) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.processes(
      "python3 -c '\nimport os, signal\n"
      "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
      "open(os.environ[\"WITNESS\"] + \"/ready\", \"w\")\nsignal.pause()\n'"
      " </dev/null >/dev/null 2>&1 & while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  EXPECT_EQ(system.run(), 0) << system.output();
}

TEST(Termination, MemberOfANestedNamespaceFinishesBeforeItsInitIsKilled) {
  OldSystem system;
  system.plan().grace = for_ever;
  // The init is a sh that waits: SIGTERM does not reach it.
  system.processes(
      "unshare --fork --pid --mount-proc sh -c 'sh -c \"trap \\\"sleep 0.3; echo saved"
      " >$WITNESS/work; exit\\\" TERM; echo x >$WITNESS/ready; while :; do sleep 0.05; done\" &"
      " while :; do sleep 3600; done' </dev/null >/dev/null 2>&1 &"
      " while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  ASSERT_EQ(system.run(), 0);
  EXPECT_EQ(system.witnessed("work"), "saved\n") << system.output();
  EXPECT_THAT(system.output(), HasSubstr("namespace_inits=1"));
}

TEST(Termination, StoppedProcessIsContinuedInOrderToEnd) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.processes(
      "sh -c 'trap \"echo saved >$WITNESS/work; exit\" TERM; echo x >$WITNESS/ready; kill -STOP $$;"
      " while :; do sleep 0.05; done' </dev/null >/dev/null 2>&1 &"
      " while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  ASSERT_EQ(system.run(), 0);
  EXPECT_EQ(system.witnessed("work"), "saved\n") << system.output();
}

TEST(Termination, ProcessThatDoesNotEndIsKilledAfterTheGracePeriod) {
  OldSystem system;
  system.plan().grace = 200ms;
  system.processes(
      "sh -c 'trap : TERM; echo x >$WITNESS/ready; while :; do sleep 0.05; done' </dev/null"
      " >/dev/null 2>&1 & while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  ASSERT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("not ended within the grace period"));
  EXPECT_THAT(system.output(),
              ContainsRegex("terminate still waiting what=\"the end of a process\" for=[0-9.]+ms "
                            "pid=[0-9]+ command=[^ ]+ class=reacts"));
}

/// It is asked last, and others have used up the time of all.
TEST(Termination, KeeperOfAContainerFinishesItsWorkBesideAProcessThatDoesNotEnd) {
  OldSystem system;
  system.plan().grace = 300ms;
  system.processes(
      "sh -c 'trap : TERM; while :; do sleep 0.05; done' </dev/null >/dev/null 2>&1 &"
      "python3 -c '\nimport ctypes, os, signal, time\nw = os.environ[\"WITNESS\"]\n"
      "def end(*_):\n  time.sleep(0.3)\n  open(w + \"/work\", \"w\").write(\"saved\")\n  "
      "os._exit(0)\n"
      "ctypes.CDLL(None).unshare(0x20000000)\nif os.fork() == 0: signal.pause()\n"
      "signal.signal(signal.SIGTERM, end)\nopen(w + \"/ready\", \"w\")\n"
      "while True: signal.pause()\n'"
      " </dev/null >/dev/null 2>&1 & while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  ASSERT_EQ(system.run(), 0);
  EXPECT_EQ(system.witnessed("work"), "saved") << system.output();
}

const std::string a_storage_daemon =
    "bash -c 'exec -a @storage sleep 3600' </dev/null >/dev/null 2>&1 &"
    " while ! grep -q ^@storage /proc/$!/cmdline; do sleep 0.01; done";

/// Returns when they are at it. Each is the leader of a session of its own, and has ended before
/// anybody could know it.
constexpr const char* chains_of_processes =
    DBOOT_ODD_PROCESSES " chain; " DBOOT_ODD_PROCESSES " chain; " DBOOT_ODD_PROCESSES " chain";

TEST(Termination, ProcessesOfWhichEachStartsTheNextAndEndsAreAllEnded) {
  OldSystem system;
  system.plan().grace = 200ms;
  system.processes(chains_of_processes);
  system.command("ps; echo END");
  ASSERT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("\nEND\n"));
  EXPECT_THAT(system.output(), Not(HasSubstr("/odd-processes chain\n")));
}

/// It is stopped together with them, and must go on.
TEST(Termination, StorageDaemonBesideThemTakesItsSignal) {
  OldSystem system;
  system.plan().grace = 200ms;
  system.processes(a_storage_daemon + ";" + chains_of_processes);
  ASSERT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("release storage daemons signal=TERM left=none"));
}

TEST(Termination, ProcessOnATerminalFinishesItsWork) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.command(
      "trap 'sleep 0.3; echo FINISHED; exit' TERM; kill -TERM 1; while :; do sleep 0.05; done");
  EXPECT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("\nFINISHED\n"));
}

/// A session on the console, whose leader runs `script`.
std::string session(const std::string& script) {
  return "setsid -c sh -c '" + script +
         "' </dev/console & while [ ! -e $WITNESS/ready ]; do sleep 0.01; done";
}

TEST(Termination, ProcessInASessionFinishesItsWorkBeforeItsTerminalHangsUp) {
  for (const std::string leader : {"trap \"\" TERM", ":"}) {
    OldSystem system;
    system.plan().grace = for_ever;
    system.processes(
        session("(trap \"sleep 0.3; echo saved >$WITNESS/work; exit\" TERM;"
                " echo x >$WITNESS/ready; while :; do sleep 0.05; done) & " +
                leader + "; while :; do sleep 3600; done"));
    ASSERT_EQ(system.run(), 0);
    EXPECT_EQ(system.witnessed("work"), "saved\n") << leader << system.output();
  }
}

TEST(Termination, ShellOnATerminalIsHungUp) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.processes(
      session("trap \"\" TERM; trap \"echo saved >$WITNESS/work; exit\" HUP;"
              " echo x >$WITNESS/ready; while :; do sleep 0.05; done"));
  ASSERT_EQ(system.run(), 0);
  EXPECT_EQ(system.witnessed("work"), "saved\n") << system.output();
  EXPECT_THAT(system.output(), HasSubstr(" shells=1 "));
}

TEST(Termination, ShellIsHungUpEvenWhenItsSessionDoesNotEnd) {
  OldSystem system;
  system.plan().grace = 3s;
  system.processes(
      session("(trap : TERM; while :; do sleep 0.05; done) & trap \"\" TERM;"
              " trap \"echo saved >$WITNESS/work; exit\" HUP; echo x >$WITNESS/ready;"
              " while :; do sleep 0.05; done"));
  ASSERT_EQ(system.run(), 0);
  EXPECT_EQ(system.witnessed("work"), "saved\n") << system.output();
}

TEST(Termination, ShellThatStaysAfterTheHangupIsWaitedForAMomentOnly) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.processes(
      session("trap \"\" TERM; trap : HUP; echo x >$WITNESS/ready;"
              " while :; do sleep 0.05; done"));
  EXPECT_EQ(system.run(), 0) << system.output();
}

TEST(Termination, StorageDaemonIsNotAskedBeforeTheUnmounts) {
  OldSystem system;
  system.processes(a_storage_daemon);
  ASSERT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("release storage daemons signal=TERM left=none"));
}

constexpr const char* two_hundred_processes =
    "i=0; while [ $i -lt 200 ]; do sleep 3600 </dev/null >/dev/null 2>&1 & i=$((i+1)); done";

TEST(Termination, EndsMoreProcessesThanTheKernelsLimitOfOpenFiles) {
  OldSystem system;
  system.limit_descriptors(128, OldSystem::Limit::soft);
  system.command("echo limit $(ulimit -Sn); " + std::string(two_hundred_processes) +
                 "; kill -TERM 1; wait");
  EXPECT_EQ(system.run(), 0) << system.output();
  EXPECT_THAT(system.output(), HasSubstr("\nlimit 128\n"));
}

TEST(Termination, EndsMoreProcessesThanItMayHaveOpenFiles) {
  OldSystem system;
  system.limit_descriptors(128, OldSystem::Limit::hard);
  system.processes(two_hundred_processes);
  system.command("cat /proc/[0-9]*/comm; " + std::string(two_hundred_processes) +
                 "; kill -TERM 1; wait");
  EXPECT_EQ(system.run(), 0) << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("\nsh\n"), Not(HasSubstr("\nsleep\n"))));
}

TEST(Termination, EndsProcessesWithoutAPidfd) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.inject("pidfd_open:error=ENFILE");
  system.processes(
      "sh -c 'trap \"sleep 0.3; echo saved >$WITNESS/work; exit\" TERM; echo x >$WITNESS/ready;"
      " while :; do sleep 0.05; done' </dev/null >/dev/null 2>&1 &"
      " while [ ! -e $WITNESS/ready ]; do sleep 0.01; done");
  system.command("cat /proc/[0-9]*/comm");
  ASSERT_EQ(system.run(), 0) << system.output();
  EXPECT_EQ(system.witnessed("work"), "saved\n") << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("\ncat\n"), Not(HasSubstr("\nsleep\n"))));
}

TEST(Termination, SupervisedCommandHasTheWholeGracePeriodToEnd) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.command(
      "trap 'sleep 6; echo FINISHED; exit' TERM; kill -TERM 1; while :; do sleep 0.05; done");
  EXPECT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("\nFINISHED\n"));
}
TEST(Termination, CommandIsAskedToEndWithItsOwnSignalAndBeforeAllOthers) {
  OldSystem system;
  system.plan().grace = for_ever;
  system.plan().stop_signal = SIGQUIT;
  // The helper answers as long as nobody has asked it to end.
  system.command(
      "(trap 'echo helper asked' TERM; while :; do sleep 0.01; done) & "
      "trap 'sleep 0.3; echo quit in good order; exit' QUIT; trap 'echo wrong signal' TERM; "
      "kill -TERM 1; while :; do sleep 0.01; done");
  ASSERT_EQ(system.run(), 0) << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("quit in good order"), Not(HasSubstr("wrong"))));
  EXPECT_GT(system.output().find("helper asked"), system.output().find("quit in good order"));
}

}  // namespace
}  // namespace dboot::test
