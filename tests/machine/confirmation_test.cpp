// Where nobody confirms the new system, the machine goes back to the one on its disk.
#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* goes_back = "error guardian the machine goes back to the system on its disk ";

/// Words of a shell's, in quotes: with the signal to the guardian, wherever it is.
std::string signal_to_guardian(const std::string& signal) {
  return "for p in /proc/[0-9]*; do if grep -qs dboot-guardian $p/comm; then kill -" + signal +
         " ${p#/proc/}; fi; done";
}

std::string in_shell(const std::string& words) {
  return "sh -c '" + words + "'";
}

/// Time is skipped where nobody works, so that minutes are over at once.
SmallHost::Options quick() {
  SmallHost::Options options;
  options.time = Machine::Time::is_skipped;
  return options;
}

TEST(Confirmation, NotGivenLeadsBack) {
  SmallHost host(quick());
  host.take_over("--confirm-within 2m", "sh");
  host.console().expect(
      "info hand-over the machine goes back unless somebody confirms "
      "within=\"2 minutes\" by=dboot-confirm",
      60s);
  host.console().expect(std::string(goes_back) + "reason=\"nobody has confirmed in time\"", 120s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(Confirmation, NotGivenLeadsBackFromAnInitThatKnowsNothingOfIt) {
  SmallHost host(quick());
  host.take_over("--confirm-within 1m --init exec", "/sbin/init");
  host.console().expect(std::string(goes_back) + "reason=\"nobody has confirmed in time\"", 180s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(Confirmation, GivenLeavesTheNewSystem) {
  auto options = quick();
  options.devices = {"i6300esb"};
  SmallHost host(options);
  const std::string state = "cat /proc/sys/kernel/panic /sys/class/watchdog/watchdog0/state";
  host.take_over("--confirm-within 1m --on-exit poweroff",
                 in_shell("echo before: $(" + state +
                          "); dboot-confirm; sleep 300; dboot-confirm; "
                          "echo after: $(" +
                          state + ")" + until_it_is_sent));
  auto& console = host.console();
  console.expect("before: 10 active", 60s);
  console.expect("confirmed: the new system stays", 60s);
  console.expect("dboot-confirm: nobody waits for it", 60s);
  console.expect("after: 0 inactive", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  EXPECT_THAT(console.text(), Not(HasSubstr(goes_back)));
}

TEST(Confirmation, IsWaitedForAsLongAsSomebodyAsksFor) {
  SmallHost host(quick());
  host.take_over("--confirm-within 1m",
                 in_shell("dboot-confirm --extend 10m; sleep 300; dboot-confirm --status; "
                          "dboot-confirm --now-back; sleep 600"));
  auto& console = host.console();
  console.expect("reboots into the system on its disk in 10 minutes", 60s);
  console.expect("reboots into the system on its disk in [45] minutes", 60s);
  console.expect(std::string(goes_back) + "reason=\"asked for by dboot-confirm --now-back\"", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(Confirmation, OfAnInitThatDiesOrAKernelThatPanicsIsNotWaitedFor) {
  for (const std::string command : {"--init exec /opt/busybox.tar sh -c 'exit 3'",
                                    "/opt/busybox.tar sh -c 'echo c >/proc/sysrq-trigger'"}) {
    SmallHost host(quick());
    host.machine().expect_panic();
    host.shell().start("dboot-inject --yes --confirm-within 1h " + command);
    host.console().expect("Kernel panic - not syncing", 60s);
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset") << command;
  }
}

TEST(Confirmation, IsNotNeededForTheWayBackWhereTheGuardianIsKilled) {
  {
    SmallHost host(quick());
    host.take_over("--confirm-within 1h", in_shell(signal_to_guardian("9") + "; sleep 1000"));
    host.console().expect(
        "error supervise the guardian has ended before somebody has confirmed: "
        "rebooting how=\"signal 9\"",
        60s);
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  }
  // Another init does not hear of it: the watchdog is left.
  for (const std::string signal : {"9", "STOP"}) {
    auto options = quick();
    options.devices = {"i6300esb"};
    SmallHost host(options);
    host.take_over(
        "--confirm-within 1h --init exec",
        in_shell(signal_to_guardian(signal) + "; echo it is gone; while :; do sleep 1000; "
                                              "done"));
    host.console().expect("it is gone", 60s);
    EXPECT_EQ(host.machine().wait_for_end(120s), "guest-reset") << signal;
  }
}

TEST(Confirmation, IsAskedForWithoutEndWhereTheOldSystemIsNotThereAnyMore) {
  auto options = quick();
  options.root = "disk";
  SmallHost host(options);
  host.take_over(
      "--confirm-within 1m --on-exit poweroff",
      in_shell("dd if=/dev/urandom of=/dev/vda bs=1M count=2; sleep 600; "
               "dboot-confirm --status; cat /proc/sys/kernel/panic; " +
               signal_to_guardian("9") + "; sleep 100; echo it stays" + until_it_is_sent));
  auto& console = host.console();
  console.expect(
      "error guardian what the old system needs to start has changed: the machine does "
      "not reboot by itself devices=vda",
      60s);
  console.expect("not confirmed, and the machine does not reboot by itself", 60s);
  console.expect("^0$", 60s);
  console.expect("the guardian has ended, and nobody waits for a confirmation any more", 60s);
  console.expect("it stays", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  EXPECT_THAT(console.text(), Not(HasSubstr(goes_back)));
}

TEST(Confirmation, NotGivenLeadsBackToAnOldSystemThatSomebodyHasWrittenTo) {
  auto options = quick();
  options.root = "disk";
  SmallHost host(options);
  host.take_over(
      "--confirm-within 1m",
      in_shell("mkdir /mnt; mount /dev/vda /mnt && echo text >/mnt/file && umount /mnt && "
               "echo written; sleep 1000"));
  host.console().expect("written", 60s);
  host.console().expect(goes_back, 120s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  EXPECT_EQ(host.file_on_disk("/file"), "text\n");
}

/// In memory that the reboot leaves as it is.
TEST(Confirmation, NotGivenIsKnownAfterTheReboot) {
  const files::Scratch pstore(files::artefact("pstore"));
  auto options = quick();
  options.pstore = pstore.path();
  {
    SmallHost host(options);
    host.take_over("--confirm-within 5s", "sh");
    EXPECT_EQ(host.machine().wait_for_end(180s), "guest-reset");
  }
  SmallHost host(options);
  EXPECT_THAT(host.shell().output_of("mount -t pstore pstore /srv; cat /srv/dmesg-erst-*"),
              HasSubstr(goes_back));
}

}  // namespace
}  // namespace dboot::machine
