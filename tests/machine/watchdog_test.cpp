// Hardware watchdogs that the old system has left armed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using ::testing::HasSubstr;

constexpr const char* state = "cat /sys/class/watchdog/watchdog0/state";

/// Armed, and nobody feeds it any more: in 15 seconds it resets the machine.
void arm(SmallHost& host) {
  auto& shell = host.shell();
  shell.output_of("(watchdog -F -T 15 -t 5 /dev/watchdog0 & echo $! >/run/feeder)");
  shell.output_of("until grep -qx 15 /sys/class/watchdog/watchdog0/timeout; do :; done");
  shell.output_of("kill -9 $(cat /run/feeder)");
  ASSERT_EQ(shell.output_of(state), "active");
}

TEST(Watchdog, IsFedWhileSomebodyLooksAndStoppedForTheNewSystem) {
  SmallHost host({.devices = {"i6300esb"}});
  ASSERT_NO_FATAL_FAILURE(arm(host));
  host.take_over("--break before:release --break-timeout 20 --on-exit poweroff",
                 "sh -c 'echo it is $(" + std::string(state) + ")" + until_it_is_sent + "'");
  auto& console = host.console();
  console.expect("info wake watchdog kept fed device=watchdog0 timeout=\"15 s\"", 60s);
  console.expect("warning break nobody has left the shell in time", 60s);
  console.expect("info hand-over watchdog stopped device=watchdog0", 60s);
  console.expect("it is inactive", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

TEST(Watchdog, ThatCannotBeStoppedIsFedOn) {
  SmallHost host({.command_line = "i6300esb.nowayout=1", .devices = {"i6300esb"}});
  ASSERT_NO_FATAL_FAILURE(arm(host));
  // Who feeds it is killed, and another one goes on.
  host.take_over("--on-exit poweroff",
                 "sh -c 'for one in /proc/[1-9]*; do "
                 "grep -qx dboot-init $one/comm && test $one != /proc/1 && kill -9 ${one#/proc/}; "
                 "done; sleep 20; echo it is $(" +
                     std::string(state) +
                     ") again $(grep -c \"fed by anothe[r]\" /run/dboot/payload.log)" +
                     until_it_is_sent + "'");
  auto& console = host.console();
  console.expect("warning hand-over watchdog cannot be stopped: it is fed on device=watchdog0",
                 60s);
  console.expect("it is active again 1", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

TEST(Watchdog, ThatCannotBeStoppedResetsAMachineWhoseInitDoesNotFeedIt) {
  SmallHost host({.command_line = "i6300esb.nowayout=1", .devices = {"i6300esb"}});
  ASSERT_NO_FATAL_FAILURE(arm(host));
  host.take_over("--init exec", "sh -c 'sleep 20'");
  host.console().expect(
      "warning hand-over watchdog cannot be stopped: the new init has to feed it device=watchdog0 "
      "timeout=\"15 s\" mend=\"take an image whose init does",
      60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(Watchdog, ThatIsNotArmedIsLeftAlone) {
  SmallHost host({.devices = {"i6300esb"}});
  host.take_over("--on-exit poweroff",
                 "sh -c 'echo it is $(" + std::string(state) + ")" + until_it_is_sent + "'");
  host.console().expect("it is inactive", 60s);
  EXPECT_THAT(host.console().text(), ::testing::Not(HasSubstr("watchdog kept fed")));
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

/// Systemd has it, and feeds it every five seconds; the new init knows nothing of it.
TEST(Watchdog, OfSystemdDoesNotResetTheMachineDuringATakeoverNorAfterIt) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  host.machine().plug_in_device("i6300esb");
  shell.output_of("modprobe i6300esb && udevadm wait --timeout=60 /dev/watchdog0");
  shell.output_of(
      "busctl set-property org.freedesktop.systemd1 /org/freedesktop/systemd1 "
      "org.freedesktop.systemd1.Manager RuntimeWatchdogUSec t 10000000");
  shell.output_of("until [ \"$(" + std::string(state) + ")\" = active ]; do :; done");
  shell.output_of("grep -qx 10 /sys/class/watchdog/watchdog0/timeout");
  shell.start(
      "dboot-inject --yes --init exec --break before:release --break-timeout 15 busybox "
      "-- /bin/sh -c 'sleep 20; echo it is $(" +
      std::string(state) + "); exec sleep 1000'");
  auto& console = host.console();
  console.expect("info wake watchdog kept fed device=watchdog0 timeout=\"10 s\"", 120s);
  console.expect("info hand-over watchdog stopped device=watchdog0", 120s);
  console.expect("^it is inactive$", 120s);
}

}  // namespace
}  // namespace dboot::machine
