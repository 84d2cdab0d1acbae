// Processes that are not easy to end: each shuts down in good order where it can, none holds the
// takeover up for longer than it is allowed to, and what stays is named.
#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Processes : public testing::Test {
 protected:
  Processes()
      : host_({.files = {files::program("odd-processes"), files::program("deaf-fuse")},
               .time = Machine::Time::is_skipped}) {}

  void make(const std::string& kind) { shell().output_of("odd-processes " + kind, 120s); }

  /// With a console that has a shell afterwards; the payload's log.
  std::string log_of_takeover(const std::string& options) {
    host_.take_over(options, "sh");
    host_.console().expect("^/ # ", 300s);
    host_.console().send_line("cat /run/dboot/payload.log");
    return host_.console().expect("hand-over finished");
  }

  void expect_in_new_system(const std::string& command, const std::string& answer) {
    host_.console().send_line(command);
    host_.console().expect("^" + answer + "$");
  }

  Shell& shell() { return host_.shell(); }
  SmallHost& host() { return host_; }

 private:
  SmallHost host_;
};

/// In seconds, as the log has it.
double time_of_terminate(const std::string& log) {
  std::smatch found;
  const std::regex finished("terminate finished duration=([0-9.]+)(m?s)");
  if (!std::regex_search(log, found, finished)) return -1;
  const double number = std::strtod(found[1].str().c_str(), nullptr);
  return found[2] == "ms" ? number / 1000 : number;
}

TEST_F(Processes, ThatTakeSigtermInTheirOwnWayShutDownInGoodOrder) {
  shell().output_of("mkdir /run/v1 /run/v2 && mount -t cgroup2 cgroup2 /run/v2");
  shell().output_of("mount -t cgroup -o freezer freezer /run/v1");
  shell().output_of("mkdir -p /run/v1/ice/inner /run/v2/ice/inner");
  const auto move_here = [&](const std::string& group) {
    shell().output_of("echo $$ >/run/" + group + "/cgroup.procs");
  };
  for (const std::string kind : {"sigwait", "signalfd", "thread", "traced", "members"}) make(kind);
  move_here("v1/ice/inner");
  make("handler");
  move_here("v1");
  move_here("v2/ice/inner");
  make("handler");
  move_here("v2");
  make("handler");
  shell().output_of("for p in $(pidof odd-processes); do kill -STOP $p; break; done");
  shell().output_of("echo FROZEN >/run/v1/ice/freezer.state; echo 1 >/run/v2/ice/cgroup.freeze");
  const std::string log = log_of_takeover("--grace 20");
  EXPECT_THAT(log, AllOf(HasSubstr("frozen processes may go on, in order to end cgroup=/ice"),
                         HasSubstr("killed_after_grace=0"), Not(HasSubstr("survives SIGKILL"))));
  EXPECT_LT(time_of_terminate(log), 20);
  for (const std::string kind : {"sigwait", "signalfd", "thread", "traced", "members"})
    expect_in_new_system("dmesg | grep -c 'saved by " + kind + "'", "1");
  expect_in_new_system("dmesg | grep -c 'saved by handler'", "3");
}

TEST_F(Processes, ThatForkWhileTheyAreKilledEndWithTheGracePeriod) {
  shell().output_of("echo 400 >/proc/sys/kernel/threads-max");
  make("handler");
  make("chain");
  make("storm");
  const std::string log = log_of_takeover("--grace 3");
  EXPECT_THAT(log, Not(HasSubstr("survives SIGKILL")));
  EXPECT_LT(time_of_terminate(log), 3 + 5);
  expect_in_new_system("dmesg | grep -c 'saved by handler'", "1");
  expect_in_new_system("echo there are $(pidof dboot-init odd-processes)", "there are 1");
}

TEST_F(Processes, ThatHaveEndedAndWereNeverCollectedHoldNothingUp) {
  make("handler");
  for (int parents = 0; parents < 3; ++parents) make("zombies 1000");
  const std::string log = log_of_takeover("--grace 20");
  EXPECT_THAT(log, AllOf(HasSubstr("killed_after_grace=0"), Not(HasSubstr("survives SIGKILL"))));
  EXPECT_LT(time_of_terminate(log), 20);
  expect_in_new_system("dmesg | grep -c 'saved by handler'", "1");
  expect_in_new_system("ps | grep -c '[o]dd-processes'", "0");
}

/// Each keeps who asks for its command line, for as long as somebody has patience.
TEST_F(Processes, WhoseProcFilesHangHoldNothingUpHoweverManyTheyAre) {
  shell().output_of("mkdir /srv/deaf && deaf-fuse /srv/deaf written </dev/null >/dev/null 2>&1");
  make("locked 60 /srv/deaf/file");
  const auto log = log_of_takeover("--grace 1");
  EXPECT_THAT(log, AllOf(HasSubstr("process not readable pid="),
                         ContainsRegex("processes not looked at processes=[0-9]+"),
                         ContainsRegex("terminate finished")));
  EXPECT_LT(time_of_terminate(log), 30);
}

/// The takeover goes on without the filesystem for which it waits.
TEST_F(Processes, ThatTheKernelDoesNotLetGoAreNamedAndGivenUpOn) {
  make("handler");
  shell().output_of("mke2fs -F /dev/vda && mkdir /srv/ice && mount -t ext4 /dev/vda /srv/ice");
  shell().output_of("exec 3<>/srv/ice/file; fsfreeze --freeze /srv/ice");
  shell().output_of("(dd if=/dev/zero count=1 >&3) 2>/dev/null & exec 3>&-");
  const std::string log = log_of_takeover("--grace 3");
  EXPECT_THAT(log, AllOf(ContainsRegex("process survives SIGKILL pid=[0-9]+ command=dd state=D "
                                       "wchan=[a-z_]+ mounts=[^ ]*/srv/ice"),
                         ContainsRegex("still busy, detached mount=[^ ]*/srv/ice type=ext4"),
                         ContainsRegex("still busy device=/dev/vda was=[^=]* held_by=\"pid [0-9]+ "
                                       "\\(dd\\)\"")));
  EXPECT_LT(time_of_terminate(log), 3 + 5 + 1);
  expect_in_new_system("dmesg | grep -c 'saved by handler'", "1");
}

}  // namespace
}  // namespace dboot::machine
