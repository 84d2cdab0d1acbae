#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

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

/// A process that the kernel does not let go: the takeover goes on without its filesystem.
TEST(OldSystem, WhatSurvivesIsNamedAndGivenUpOn) {
  SmallHost host;
  Shell& shell = host.shell();
  shell.output_of("mke2fs -F /dev/vda && mkdir /srv/frozen && mount -t ext4 /dev/vda /srv/frozen");
  shell.output_of("exec 3<>/srv/frozen/file; fsfreeze --freeze /srv/frozen");
  shell.output_of("(dd if=/dev/zero count=1 >&3) 2>/dev/null & exec 3>&-");
  const std::string log = log_of_takeover(host, "--grace 1");
  EXPECT_THAT(log, AllOf(ContainsRegex("process survives SIGKILL pid=[0-9]+ command=dd state=D"),
                         ContainsRegex("still busy, detached mount=[^ ]*/srv/frozen type=ext4"),
                         ContainsRegex("still busy device=/dev/vda was=[^=]* held_by=\"pid [0-9]+ "
                                       "\\(dd\\)\"")));
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

/// The second version of cgroups lets go of what is killed, the first one never.
TEST(OldSystem, FrozenProcessesAreEndedOrNamed) {
  SmallHost host({.time = Machine::Time::is_skipped});
  Shell& shell = host.shell();
  shell.output_of("mkdir /run/v1 /run/v2 && mount -t cgroup2 cgroup2 /run/v2");
  shell.output_of("mount -t cgroup -o freezer freezer /run/v1; mkdir /run/v1/ice /run/v2/ice");
  shell.output_of("sleep 1111 & echo $! >/run/v1/ice/cgroup.procs");
  shell.output_of("sleep 2222 & echo $! >/run/v2/ice/cgroup.procs");
  shell.output_of("echo FROZEN >/run/v1/ice/freezer.state; echo 1 >/run/v2/ice/cgroup.freeze");
  const std::string log = log_of_takeover(host);
  EXPECT_THAT(log, ContainsRegex("process survives SIGKILL pid=[0-9]+ command=sleep state=D"));
  host.console().send_line("ps | grep -c '[s]leep 2222'");
  host.console().expect("^0$");
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
