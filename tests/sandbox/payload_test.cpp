#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "shared/log/record.hpp"
#include "shared/plan/plan.hpp"
#include "shared/proc/fields.hpp"
#include "tests/sandbox/old_system.hpp"

namespace dboot::test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

TEST(Payload, PassesTheExitStatusOfTheCommandOn) {
  OldSystem system;
  system.command("exit 7");
  EXPECT_EQ(system.run(), 7) << system.output();
}

TEST(Payload, ReportsTheSignalThatEndedTheCommand) {
  OldSystem system;
  system.command("kill -9 $$");
  EXPECT_EQ(system.run(), 128 + 9) << system.output();
}

TEST(Payload, TellsACommandThatIsMissingFromOneThatCannotRun) {
  OldSystem missing;
  missing.plan().executable = "/bin/missing";
  EXPECT_EQ(missing.run(), 127) << missing.output();
  OldSystem unsuitable;
  unsuitable.plan().executable = "/run/dboot/plan";
  EXPECT_EQ(unsuitable.run(), 126) << unsuitable.output();
}

/// From outside of the namespace, before the init is there that it is meant for.
TEST(Payload, EndsInsteadOfStartingAnInitThatIsToEnd) {
  OldSystem system;
  system.plan().start = Start::exec;
  system.command("echo the init is there");
  system.inject("pivot_root:signal=SIGTERM", OldSystem::Where::in_pid_1);
  EXPECT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), Not(HasSubstr("the init is there\r")));
}

/// As by the kernel, when memory is short.
TEST(Payload, TellsACommandThatWasKilledBeforeItBegan) {
  OldSystem system;
  system.inject("setsid:signal=SIGKILL", OldSystem::Where::everywhere);
  // Not 128 + 9, as of a command.
  EXPECT_EQ(system.run(), 126) << system.output();
}

TEST(Payload, DoesNotWaitForTheCloseOfWhatTheOldInitHadOpen) {
  OldSystem system;
  system.hold_a_connection_that_lingers();
  EXPECT_EQ(system.run(), 0) << system.output();
}

/// Those that have done their work may take a while to end.
TEST(Payload, TakesNoneOfItsOwnProcessesForOneOfTheOldSystem) {
  OldSystem system;
  system.command("cat /run/dboot/payload.log");
  system.plan().console = "none";
  system.inject("exit_group:delay_enter=50000", OldSystem::Where::everywhere);
  EXPECT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("processes asked to end react=0 deaf=0 "));
}

TEST(Payload, LeavesNoMountOfTheOldRoot) {
  OldSystem system;
  system.command("echo BEGIN; cat /proc/mounts; echo END; ls -a /");
  ASSERT_EQ(system.run(), 0) << system.output();
  const auto& output = system.output();
  const auto mounts = output.substr(output.find("BEGIN\n"));
  EXPECT_THAT(mounts, Not(HasSubstr("old-root")));
  EXPECT_THAT(mounts, Not(HasSubstr(system.witness())));
  EXPECT_THAT(mounts, AllOf(HasSubstr(" /proc "), HasSubstr(" /dev "), HasSubstr(" /run/dboot ")));
  EXPECT_THAT(output, Not(HasSubstr("still busy")));
}

TEST(Payload, NothingOfTheImageIsInTheWayOfTheOldRoot) {
  for (const std::string name : {".old-root", "run/.old-root"}) {
    for (const std::string make : {"ln -s /proc ", "mkdir -p ", "touch "}) {
      OldSystem system;
      system.processes("mkdir -p /run/dboot/root/run; " + make + "/run/dboot/root/" + name);
      system.command("grep -c old-root /proc/mounts; ls -d /.old-root");
      system.run();
      EXPECT_THAT(system.output(), HasSubstr("\n0\n")) << make << name;
      EXPECT_EQ(system.output().find("\n/.old-root\n") != std::string::npos, name == ".old-root");
    }
  }
}

TEST(Payload, LinkInThePlaceOfAMountPointIsNotFollowed) {
  for (const std::string name : {"proc", "sys", "dev", "run"}) {
    OldSystem system;
    system.processes("ln -s /bin /run/dboot/root/" + name);
    EXPECT_EQ(system.run(), 125);
    EXPECT_THAT(system.output(),
                HasSubstr("error failure the takeover has failed reason=\"mount on /" + name +
                          " of the new root: Not a directory"));
  }
}

TEST(Payload, GivesTheNewSystemCleanSignals) {
  OldSystem system;
  system.plan().executable = "/bin/grep";
  system.plan().arguments = {"grep", "-hE", "Sig(Blk|Ign)", "/proc/1/status", "/proc/self/status"};
  ASSERT_EQ(system.run(), 0);
  std::istringstream lines(system.output());
  int clean = 0;
  for (std::string line; std::getline(lines, line);)
    clean += line == "SigBlk:\t0000000000000000" || line == "SigIgn:\t0000000000000000" ? 1 : 0;
  EXPECT_EQ(clean, 4) << system.output();
}

TEST(Payload, StartsAnInitInItsOwnPlace) {
  OldSystem system;
  system.plan().start = Start::exec;
  system.command("echo pid=$$; grep Sig /proc/1/status; ls /run/dboot; exit 5");
  EXPECT_EQ(system.run(), 5) << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("pid=1"), HasSubstr("SigBlk:\t0000000000000000"),
                                     HasSubstr("payload.log")));
}

TEST(Payload, GivesTheCommandTheConsoleAndJobControl) {
  OldSystem system;
  system.plan().arguments = {"sh", "-i"};
  system.command("exec sh -i");
  EXPECT_EQ(system.run("tty; ps; exit 3\n"), 3) << system.output();
  EXPECT_THAT(system.output(),
              AllOf(HasSubstr("/dev/console"), Not(HasSubstr("can't access tty"))));
}

TEST(Payload, CommandOfAnotherUserIsThatUserAndMayOpenItsTerminal) {
  OldSystem system;
  system.plan().credentials = {1234, 5678, {6, 5678}};
  system.command("grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status; echo opened >/dev/console");
  ASSERT_EQ(system.run(), 0) << system.output();
  EXPECT_THAT(system.output(),
              AllOf(HasSubstr("Uid:\t1234\t1234\t1234\t1234"),
                    HasSubstr("Gid:\t5678\t5678\t5678\t5678"), HasSubstr("Groups:\t6 5678"),
                    HasSubstr("CapEff:\t0000000000000000"), HasSubstr("\nopened\n")));
}

TEST(Payload, InitOfAnotherUserIsPid1) {
  OldSystem system;
  system.plan().start = Start::exec;
  system.plan().credentials = {1234, 5678, {}};
  system.command("echo pid=$$; grep -E '^(Uid|Groups)' /proc/1/status; echo opened >/dev/console");
  ASSERT_EQ(system.run(), 0) << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("pid=1"), HasSubstr("Uid:\t1234\t1234"),
                                     HasSubstr("Groups:\t \n"), HasSubstr("\nopened\n")));
}

TEST(Payload, SetsTheHostnameOfItsOwnNamespace) {
  OldSystem system;
  system.plan().hostname = "rehearsed";
  system.command("hostname");
  ASSERT_EQ(system.run(), 0);
  EXPECT_THAT(system.output(), HasSubstr("\nrehearsed\n"));
}

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
      "(trap '' TERM; exec sleep 3600 </dev/null >/dev/null 2>&1) &");
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

/// The lines of an strace that call `name`.
std::vector<std::string> calls(const std::string& strace, const std::string& name) {
  std::vector<std::string> found;
  std::istringstream lines(strace);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(' ' + name + '(') != std::string::npos) found.push_back(line);
  }
  return found;
}

TEST(Payload, MakesNoSystemCallThatReachesTheMachine) {
  OldSystem system;
  system.plan().hostname = "rehearsed";
  system.processes("sleep 3600 </dev/null >/dev/null 2>&1 & sleep 0.1");
  system.trace();
  ASSERT_EQ(system.run(), 0) << system.output();
  const auto strace = system.witnessed("strace");
  ASSERT_THAT(strace, HasSubstr("pivot_root("));
  for (const char* name : {"swapoff", "reboot", "sync", "syncfs", "mknod", "mknodat", "syslog",
                           "init_module", "finit_module", "delete_module", "kexec_load"})
    EXPECT_TRUE(calls(strace, name).empty()) << calls(strace, name).front();
  for (const auto& call : calls(strace, "mount")) {
    EXPECT_THAT(call, AnyOf(Not(HasSubstr("MS_REMOUNT")), HasSubstr("MS_BIND")));
    EXPECT_THAT(call, Not(HasSubstr("devtmpfs")));
  }
  for (const auto& call : calls(strace, "fsopen"))
    EXPECT_THAT(call, ContainsRegex("\"(proc|sysfs|tmpfs)\""));
  for (const auto& call : calls(strace, "umount2"))
    EXPECT_THAT(call, AllOf(HasSubstr("\"/run/.old-root"), Not(HasSubstr("MNT_FORCE"))));
  for (const auto& call : calls(strace, "openat")) {
    if (call.find("O_RDONLY") != std::string::npos) continue;
    EXPECT_THAT(call, Not(ContainsRegex("/proc/sys|/sys/|kmsg|/dev/tty|/dev/[vsn][dv]")));
  }
  for (const auto& call : calls(strace, "ioctl"))
    EXPECT_THAT(call, Not(ContainsRegex("KD[SG]|VT_|LOOP_|BLK|DM_")));
  for (const auto& call : calls(strace, "kill")) EXPECT_THAT(call, Not(HasSubstr("kill(-1")));
  EXPECT_THAT(system.output(), HasSubstr("skipped in a namespace actions=write_old_disk,sync,"));
}

TEST(Payload, RefusesADamagedPlanWithTheReason) {
  OldSystem system;
  auto bytes = plan::encode(system.plan());
  bytes.back() ^= 1;
  system.plan_bytes(bytes);
  EXPECT_EQ(system.run(), 1);
  EXPECT_THAT(system.output(), HasSubstr("the plan is damaged"));
}

TEST(Payload, ThatCrashesSaysSo) {
  for (const std::string signal : {"SEGV", "ABRT", "BUS"}) {
    OldSystem system;
    system.inject("pivot_root:signal=" + signal + ":when=1", OldSystem::Where::in_pid_1);
    EXPECT_EQ(system.run(), 125) << system.output();
    EXPECT_THAT(system.output(), HasSubstr("dboot-init: crashed with SIG" + signal + '\n'));
  }
}

TEST(Payload, NeedsNoRoomForItsLog) {
  OldSystem system;
  system.processes(
      "mount -o remount,size=8m /run/dboot && cat /dev/zero >/run/dboot/zeros 2>/dev/null; true");
  system.command("echo there");
  EXPECT_EQ(system.run(), 0) << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("hand-over finished"), HasSubstr("\nthere\n")));
}

struct Output {
  int status = 0;
  std::string errors;
};

/// Runs the payload as an ordinary process.
Output run_payload(const OldSystem& system, std::vector<std::string> arguments) {
  const std::string payload = system.witness() + "/dboot-init";
  const std::string errors = system.witness() + "/errors";
  std::vector<char*> argv;
  arguments.insert(arguments.begin(), payload);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(::open(errors.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
    ::execv(payload.c_str(), argv.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, system.witnessed("errors")};
}

TEST(Payload, RefusesEveryTruncationAndEveryFlippedBitOfAPlan) {
  OldSystem system;
  const auto good = plan::encode(system.plan());
  std::vector<std::string> arguments{"--check-plan"};
  const auto add = [&](const std::vector<std::uint8_t>& bytes) {
    arguments.push_back(system.witness() + "/plan" + std::to_string(arguments.size()));
    std::ofstream(arguments.back(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  add(good);
  EXPECT_EQ(run_payload(system, arguments).status, 0);
  arguments.pop_back();

  for (std::size_t size = 0; size < good.size(); ++size)
    add({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << (bit % 8)));
    add(bad);
  }
  const auto output = run_payload(system, arguments);
  EXPECT_EQ(output.status, 1);
  EXPECT_EQ(std::count(output.errors.begin(), output.errors.end(), '\n'),
            static_cast<std::ptrdiff_t>(arguments.size() - 1));
}

TEST(Payload, SaysThatItIsNotPid1) {
  const OldSystem system;
  const auto output = run_payload(system, {});
  EXPECT_EQ(output.status, 1);
  EXPECT_THAT(output.errors, HasSubstr("dboot-init: not PID 1"));
}

TEST(Payload, TestsItselfInSilence) {
  const OldSystem system;
  const auto output = run_payload(system, {"--self-test"});
  EXPECT_EQ(output.status, 0);
  EXPECT_EQ(output.errors, "");
}

}  // namespace
}  // namespace dboot::test
