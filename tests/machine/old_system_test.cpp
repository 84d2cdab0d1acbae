#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// Takes the machine over and returns the payload's log; the console has a shell then.
std::string log_of_takeover(SmallHost& host, const std::string& options = "") {
  host.take_over(options, "sh");
  host.console().expect("^/ # ", 120s);
  host.console().send_line("cat /run/dboot/payload.log");
  return host.console().expect("hand-over finished");
}

/// What has a file of the root open without being a process, and a process that outlives the rest.
TEST(OldSystem, LetsGoOfItsDiskAlthoughBinfmtAndAStorageDaemonHoldIt) {
  SmallHost host({.root = "disk"});
  Shell& shell = host.shell();
  shell.output_of("mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc");
  shell.output_of("printf ':held:M::held::/bin/busybox:F' >/proc/sys/fs/binfmt_misc/register");
  shell.output_of("(exec -a @/bin/sleep sleep 1000) >/dev/null 2>&1 </dev/null &");
  const std::string log = log_of_takeover(host);
  EXPECT_THAT(log, AllOf(HasSubstr("storage_daemons=1"),
                         HasSubstr("release storage daemons signal=TERM left=none"),
                         HasSubstr("released device=/dev/vda was=\"ext4 on /\""),
                         HasSubstr("old root released disks=1 busy=0")));
}

TEST(OldSystem, SettingsOfTheKernelAreAsItHadThem) {
  SmallHost host;
  host.shell().output_of(
      "cd /proc/sys/kernel; echo 7 >panic; echo '5 4 1 7' >printk; echo ratelimit >printk_devkmsg");
  log_of_takeover(host);
  host.console().send_line("cd /proc/sys/kernel; echo is $(cat panic printk printk_devkmsg)");
  host.console().expect("^is 7 5 4 1 7 ratelimit$");
}

/// Their paths are of the old system.
TEST(OldSystem, ProgramsThatTheKernelStartsAreThoseOfAFreshBoot) {
  SmallHost host;
  Shell& shell = host.shell();
  shell.output_of("mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc");
  shell.output_of("printf ':old:M::old::/bin/busybox:' >/proc/sys/fs/binfmt_misc/register");
  shell.output_of("mount -t tmpfs hides /proc/sys/fs/binfmt_misc; cd /proc/sys/kernel");
  shell.output_of("echo '|/opt/cores %p' >core_pattern; echo /opt/modprobe >modprobe");
  shell.output_of("echo /opt/off >poweroff_cmd; echo 1 >core_uses_pid; cd /");
  const std::string log = log_of_takeover(host);
  EXPECT_THAT(log, AllOf(HasSubstr("kernel helper reset setting=kernel.core_pattern "
                                   "was=\"|/opt/cores %p\" is=core"),
                         HasSubstr("setting=kernel.modprobe was=/opt/modprobe is=/sbin/modprobe"),
                         HasSubstr("setting=kernel.poweroff_cmd was=/opt/off is=/sbin/poweroff"),
                         HasSubstr("binary formats of the old system removed names=old")));
  host.console().send_line(
      "cd /proc/sys/kernel; echo is $(cat core_pattern modprobe poweroff_cmd core_uses_pid)");
  host.console().expect("^is core /sbin/modprobe /sbin/poweroff 1$");
  host.console().send_line("mkdir -p /mnt; mount -t binfmt_misc b /mnt; echo has $(ls /mnt)");
  host.console().expect("^has register status$");
}

/// Nothing gives back what PID 1 has given up.
TEST(OldSystem, WhatPid1HasGivenUpForGoodIsKnownBeforeATakeover) {
  SmallHost host(
      {.command_line = "small.init=/opt/odd-init", .files = {files::program("odd-init")}});
  Shell& shell = host.shell();
  const std::string dry_run = "dboot-inject --dry-run --log-level warning /opt/busybox.tar sh 2>&1";
  const auto give_up = [&](const std::string& how, const std::string& shown) {
    shell.output_of(how + "; until grep -q '^" + shown + "' /proc/1/status; do :; done");
  };
  const auto before = shell.output_of(dry_run, 120s);
  EXPECT_THAT(before, AllOf(Not(HasSubstr("PID 1 has")), Not(HasSubstr("refused"))));

  constexpr const char* sys_module = "16";
  constexpr const char* sys_boot = "22";
  give_up("kill -WINCH 1", "NoNewPrivs:.1");
  give_up("echo " + std::string(sys_module) + " >/run/drop; kill -HUP 1", "CapBnd:.*fffeffff");
  const auto warned = shell.output_of(dry_run, 120s);
  EXPECT_THAT(warned,
              AllOf(HasSubstr("no process of the new system can have them: CAP_SYS_MODULE"),
                    HasSubstr("PID 1 has set no_new_privs for good"), Not(HasSubstr("refused"))));
  EXPECT_THAT(shell.run("dboot-inject --doctor", 120s).text,
              AllOf(HasSubstr("CAP_SYS_MODULE"), HasSubstr("no_new_privs")));

  give_up("echo 200 >/run/fail; kill -USR1 1", "Seccomp:.2");
  EXPECT_THAT(shell.output_of(dry_run, 120s),
              ContainsRegex("refused +now: PID 1 is under a seccomp filter"));
  const auto refused = shell.run("dboot-inject --yes /opt/busybox.tar sh", 120s);
  EXPECT_EQ(refused.status, 125);
  EXPECT_THAT(refused.text, HasSubstr("PID 1 is under a seccomp filter"));

  give_up("echo " + std::string(sys_boot) + " >/run/drop; kill -HUP 1", "CapBnd:.*ffbeffff");
  const auto impossible = shell.run("dboot-inject --yes --force /opt/busybox.tar sh", 120s);
  EXPECT_EQ(impossible.status, 125);
  EXPECT_THAT(impossible.text, HasSubstr("capabilities that a takeover needs, for good: "
                                         "CAP_SYS_BOOT"));
}

/// Not to be seen from outside, and no reason for a failure.
TEST(OldSystem, WhatIsLockedInPid1IsSaidAndNoFailure) {
  SmallHost host(
      {.command_line = "small.init=/opt/odd-init", .files = {files::program("odd-init")}});
  host.shell().output_of("kill -URG 1");
  EXPECT_THAT(log_of_takeover(host),
              HasSubstr("warning hand-over not as the kernel starts it reason=\"clear the "
                        "securebits: Operation not permitted\""));
}

/// The child that closes it stays in the kernel until the server has ended; PID 1 goes on.
TEST(OldSystem, WhoseInitHasAFileOpenThatCannotBeClosedIsNotWaitedFor) {
  SmallHost host({.command_line = "small.init=/opt/odd-init",
                  .files = {files::program("odd-init"), files::program("deaf-fuse")},
                  .time = Machine::Time::is_skipped});
  host.shell().output_of("mkdir /srv/deaf && /opt/deaf-fuse /srv/deaf </dev/null >/dev/null 2>&1");
  host.shell().output_of("echo /srv/deaf/file >/run/open; kill -USR2 1");
  host.shell().output_of("until ls -l /proc/1/fd | grep -q /srv/deaf/file; do :; done");
  const std::string log = log_of_takeover(host);
  EXPECT_THAT(log, AllOf(HasSubstr("files of the old init stay open: their close hangs count=1"),
                         HasSubstr("hand-over finished")));
}

TEST(OldSystem, LetsGoOfItsLoopDevices) {
  SmallHost host({.root = "disk"});
  Shell& shell = host.shell();
  shell.output_of("truncate -s 16M /srv/file && losetup /dev/loop0 /srv/file");
  shell.output_of("mke2fs -F /dev/loop0 && mkdir /srv/in && mount -t ext4 /dev/loop0 /srv/in");
  shell.output_of("truncate -s 8M /srv/in/file && losetup /dev/loop1 /srv/in/file");
  const std::string log = log_of_takeover(host);
  EXPECT_THAT(log, AllOf(HasSubstr("released device=/dev/loop0 was=\"ext4 on /srv/in\""),
                         ContainsRegex("device taken apart device=loop1 kind=loop name=.*/in/file"),
                         HasSubstr("busy=0")));
}

/// It takes three seconds to end.
TEST(OldSystem, GetsTheGracePeriodThatWasAskedFor) {
  for (const auto& [grace, killed] : {std::pair<std::string, std::string>{"1", "1"}, {"30", "0"}}) {
    SmallHost host({.time = Machine::Time::is_skipped});
    host.shell().output_of(
        "(trap 'sleep 3; exit' TERM; while :; do sleep 1; done) >/dev/null 2>&1 </dev/null &");
    EXPECT_THAT(log_of_takeover(host, "--grace " + grace),
                HasSubstr("killed_after_grace=" + killed));
  }
}

}  // namespace
}  // namespace dboot::machine
