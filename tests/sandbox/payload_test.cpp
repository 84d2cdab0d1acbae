#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "shared/plan/plan.hpp"
#include "tests/sandbox/old_system.hpp"

namespace dboot::test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

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

/// Its terminal is there already, and goes again.
TEST(Payload, TellsACommandThatIsMissingAlsoWhereItCouldBeAttachedTo) {
  OldSystem system;
  system.processes("mkdir /dev/pts && mount -t devpts -o ptmxmode=0666 devpts /dev/pts");
  system.plan().attachable = true;
  system.plan().executable = "/bin/missing";
  EXPECT_EQ(system.run(), 127) << system.output();
  EXPECT_THAT(system.output(), AllOf(HasSubstr("the command may be attached to"),
                                     Not(HasSubstr("the command's terminal has another relay"))));
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
