#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

/// The old system takes the new init away when it is asked to end: what had been checked before the
/// point of no return is no more.
void take_over_without_init(SmallHost& host, const std::string& options) {
  host.shell().output_of(
      "(trap 'rm /run/dboot/root/bin/init; exit' TERM; sleep 1000 & wait) "
      ">/dev/null 2>&1 &");
  host.take_over(options, "/bin/init");
}

TEST(WayOut, OffersAShellAgainAndAgainWhenTheInitCannotBeExecuted) {
  SmallHost host;
  take_over_without_init(host, "--init exec");
  Serial& console = host.console();
  for (int times = 0; times < 2; ++times) {
    console.expect("Press a key for a shell", 60s);
    console.send("x");
    console.expect("/ # ");
    console.send_line("echo alive" + std::string(until_it_is_sent) + "; exit");
    console.expect("^alive$");
  }
  console.expect("Press a key for a shell");
}

TEST(WayOut, KeepsWhatWasRepairedInTheShell) {
  SmallHost host;
  host.shell().output_of("mke2fs -F /dev/vda");
  take_over_without_init(host, "--init exec");
  Serial& console = host.console();
  console.expect("Press a key for a shell", 60s);
  console.send("x");
  console.expect("/ # ");
  console.send_line("mkdir /mnt; mount -t ext4 /dev/vda /mnt && echo repaired >/mnt/file; exit");
  console.expect("Press a key for a shell");
  console.send("r");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  EXPECT_EQ(host.file_on_disk("/file"), "repaired\n");
}

TEST(WayOut, RebootsAfterAFailureAsAnotherUser) {
  SmallHost host;
  take_over_without_init(host, "--init exec --user 1000 --on-failure reboot");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(WayOut, RebootsWhereThatIsWanted) {
  SmallHost host;
  take_over_without_init(host, "--init exec --on-failure reboot");
  host.console().expect("reason=\"execute /bin/init: No such file or directory", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(WayOut, RebootsAfterTenMinutesWithoutAPerson) {
  SmallHost host({.time = Machine::Time::is_skipped});
  take_over_without_init(host, "--init exec");
  host.console().expect("Press a key for a shell", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  EXPECT_THAT(host.console().text(),
              testing::ContainsRegex("\\[60[0-9]\\.[0-9]+\\] error failure rebooting"));
}

/// A payload that is broken is executed anew, for the way out alone.
TEST(WayOut, IsThereAfterACrash) {
  for (const std::string signal : {"SEGV", "ABRT"}) {
    SmallHost host;
    host.take_over("--on-failure reboot", "sh");
    host.console().expect("^/ # ", 60s);
    host.console().send_line("kill -" + signal + " 1");
    host.console().expect("error failure the takeover has failed reason=\"crashed with SIG" +
                          signal);
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  }
}

/// Nothing that PID 1 does itself needs a process; what it cannot do without one it says, and at
/// the end it reboots by itself.
TEST(WayOut, IsThereWithoutASingleProcessToFork) {
  SmallHost host;
  host.shell().output_of("mkdir /run/groups && mount -t cgroup2 cgroup2 /run/groups");
  host.shell().output_of("echo +pids >/run/groups/cgroup.subtree_control; mkdir /run/groups/one");
  host.shell().output_of("echo 1 >/run/groups/one/cgroup.procs; echo 1 >/run/groups/one/pids.max");
  host.take_over("--on-failure reboot", "sh");
  EXPECT_EQ(host.machine().wait_for_end(180s), "guest-reset");
}

/// A process takes all of it while the old system ends.
TEST(WayOut, IsThereWithoutMemory) {
  SmallHost host({.memory_mib = 256, .time = Machine::Time::is_skipped});
  host.shell().output_of("(trap 'tail /dev/zero' TERM; sleep 1000 & wait) >/dev/null 2>&1 &");
  host.take_over("--on-failure reboot", "sh");
  host.console().expect("^/ # ", 60s);
  host.console().send_line("dmesg | grep 'Out of memory'");
  host.console().expect("Killed process [0-9]+ \\(tail\\)");
}

/// An init that has no /proc, which the new one cannot tell from a namespace by what is mounted.
TEST(WayOut, IsThereWithoutProc) {
  SmallHost host({.command_line = "small.hide_proc"});
  host.take_over("--on-failure reboot", "sh");
  host.console().expect("reason=\"/proc is not that of this PID namespace", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

}  // namespace
}  // namespace dboot::machine
