// Where the record of a takeover is, on a machine.
#include <gmock/gmock.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

void wait_for_new_system(SmallHost& host) {
  host.console().expect("^/ # ", 60s);
}

/// What the new system's console says to it.
std::string answer(SmallHost& host, const std::string& command) {
  host.console().send_line(command + "; echo e''nd");
  return host.console().expect("^end$");
}

TEST(Record, IsOnTheDiskOfTheOldSystemToo) {
  SmallHost host({.root = "disk"});
  host.shell().output_of("mkdir -p /var/log");
  host.take_over("", "sh");
  wait_for_new_system(host);
  const std::string copy =
      answer(host, "mkdir /old; mount /dev/vda /old; cat /old/var/log/dboot/20*Z.log");
  EXPECT_THAT(
      copy,
      AllOf(HasSubstr("info preflight record begins"), HasSubstr("debug terminate gone pid="),
            HasSubstr("info terminate processes asked to end"), Not(HasSubstr("release started"))));
  EXPECT_THAT(answer(host, "cat /run/dboot/payload.log"),
              AllOf(HasSubstr("release the log is on the disk directory=/var/log/dboot"),
                    HasSubstr("old root released disks=1 busy=0")));
}

TEST(Record, IsNotOnADiskThatDoesNotTakeIt) {
  for (const auto& [prepare, options, said] :
       {std::array<std::string, 3>{"mkdir -p /var/log", "--no-disk-log", ""},
        {"mkdir -p /var/log; mount -t tmpfs tmpfs /var/log", "", "/var/log is in memory"},
        {"mkdir -p /var/log /run/live; mount -t tmpfs tmpfs /run/live; "
         "mkdir /run/live/upper /run/live/work; mount -t overlay overlay "
         "-o lowerdir=/var/log,upperdir=/run/live/upper,workdir=/run/live/work /var/log",
         "", "/var/log is in memory"},
        {"mkdir -p /var/log; mount -o remount,ro /", "", "/var/log is in memory or read-only"}}) {
    SmallHost host({.root = "disk"});
    host.shell().output_of(prepare);
    host.take_over(options, "sh");
    wait_for_new_system(host);
    const std::string log = answer(host, "cat /run/dboot/payload.log");
    EXPECT_THAT(log, AllOf(HasSubstr("busy=0"), Not(HasSubstr("the log is on the disk"))));
    if (!said.empty()) {
      EXPECT_THAT(log, ContainsRegex("info release no log on the disk reason=\"" + said));
    }
  }
}

TEST(Record, IsNotWaitedForByADiskThatDoesNotAnswer) {
  SmallHost host({.time = Machine::Time::is_skipped});
  Shell& shell = host.shell();
  shell.output_of("mke2fs -F /dev/vda && mkdir -p /var/log && mount -t ext4 /dev/vda /var/log");
  shell.output_of("fsfreeze --freeze /var/log");
  host.take_over("", "sh");
  wait_for_new_system(host);
  EXPECT_THAT(answer(host, "cat /run/dboot/payload.log"),
              HasSubstr("warning release no log on the disk reason=\"the disk does not answer\""));
}

/// In memory that the reboot leaves as it is, and not after a takeover that has succeeded.
TEST(Record, OfAFailureOutlivesTheReboot) {
  const files::Scratch pstore(files::artefact("pstore"));
  {
    SmallHost host({.pstore = pstore.path()});
    host.take_over("--on-exit reboot", "true");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  }
  {
    SmallHost host({.pstore = pstore.path()});
    EXPECT_EQ(host.shell().output_of("mount -t pstore pstore /srv; ls /srv"), "");
    host.take_over("--on-failure reboot", "sh");
    wait_for_new_system(host);
    host.console().send_line("kill -SEGV 1");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  }
  SmallHost host({.pstore = pstore.path()});
  EXPECT_THAT(host.shell().output_of("mount -t pstore pstore /srv; cat /srv/dmesg-erst-*"),
              HasSubstr("error failure the takeover has failed reason=\"crashed with SIGSEGV"));
}

TEST(Record, IsShownByATerminalThatIsAskedFor) {
  SmallHost host;
  const auto before = host.machine().line().text().size();
  host.take_over("--log-to ttyS1", "sh");
  wait_for_new_system(host);
  EXPECT_THAT(host.machine().line().text().substr(before),
              AllOf(HasSubstr("info preflight record begins"), HasSubstr("hand-over starting")));
}

}  // namespace
}  // namespace dboot::machine
