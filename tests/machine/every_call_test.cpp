// What happens to a machine when a kind of system call always fails, in PID 1 and in what it
// starts: a filter in PID 1, set before the takeover, which the payload inherits.
#include <gmock/gmock.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <regex>
#include <set>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

SmallHost::Options options(const std::string& state = "") {
  return {.command_line = "small.init=/opt/odd-init",
          .files = {files::program("odd-init")},
          .time = Machine::Time::is_skipped,
          .state = state};
}

/// The numbers of all calls that the payload makes, its children included, as the kernel counts
/// them: whatever it comes to call, it will be tried.
std::set<int> calls_of_a_takeover() {
  SmallHost host(options());
  Shell& shell = host.shell();
  shell.output_of("mount -t tracefs tracefs /sys/kernel/tracing");
  shell.output_of(
      "cd /sys/kernel/tracing/events/raw_syscalls/sys_enter && "
      "echo 'hist:keys=id if comm == \"dboot-init\"' >trigger; cd /");
  host.take_over("", "sh");
  host.console().expect("^/ # ", 120s);
  host.console().send_line(
      "mkdir -p /mnt; mount -t tracefs tracefs /mnt; "
      "cat /mnt/events/raw_syscalls/sys_enter/hist; echo e''nd");
  const std::string histogram = host.console().expect("^end$");
  std::set<int> calls;
  const std::regex entry("id: +([0-9]+)");
  for (std::sregex_iterator match(histogram.begin(), histogram.end(), entry), none; match != none;
       ++match)
    calls.insert(std::stoi((*match)[1]));
  return calls;
}

/// By its number.
bool is_left_out(int call) {
  static constexpr std::array<int, 13> not_tried{
      // Before main(): the C library cannot do without, and has just got it in the self-test.
      SYS_mprotect, SYS_arch_prctl, SYS_set_tid_address,
      // They do not fail.
      SYS_getpid, SYS_gettid, SYS_exit_group, SYS_rt_sigreturn, SYS_close,
      // They fail for those who use them wrongly, or are interrupted.
      SYS_wait4, SYS_epoll_wait, SYS_epoll_ctl, SYS_fcntl, SYS_poll};
  return std::find(not_tried.begin(), not_tried.end(), call) != not_tried.end();
}

/// Without them nobody can be told anything.
bool is_needed_for_words(int call) {
  return call == SYS_write || call == SYS_openat;
}

/// A machine whose PID 1 fails at that call from now on.
struct FailingHost : SmallHost {
  FailingHost(const std::string& state, int call) : SmallHost(options(state)) {
    shell().output_of("echo " + std::to_string(call) + " >/run/fail; kill -USR1 1");
    shell().output_of("until grep -q '^Seccomp:.2' /proc/1/status; do :; done");
  }
};

/// In seconds since the machine was started; 0 when the kernel did not say it.
int time_of_reboot(const std::string& text) {
  std::smatch match;
  const std::regex words("\\[ *([0-9]+)\\.[0-9]+\\] reboot: ");
  return std::regex_search(text, match, words) ? std::stoi(match[1]) : 0;
}

/// The new system is there, or the reason why it is not; never the end of PID 1, which would be a
/// panic, and never for ever.
void take_over_while_failing(int call, const std::string& state) {
  SCOPED_TRACE("system call " + std::to_string(call));
  FailingHost host(state, call);
  const std::size_t begin = host.console().text().size();
  host.take_over("--force --on-exit reboot --on-failure reboot",
                 std::string("sh -c 'echo the new system is there") + until_it_is_sent + "'");
  EXPECT_EQ(host.machine().wait_for_end(120s), "guest-reset");
  const std::string text = host.console().text().substr(begin);
  EXPECT_LT(time_of_reboot(text), 660);
  // Each process here ends at SIGKILL, by whichever call it is sent.
  EXPECT_THAT(text, Not(HasSubstr("survives SIGKILL")));
  if (is_needed_for_words(call)) return;
  EXPECT_THAT(text, ContainsRegex("the new system is there|error failure .|no console at all|"
                                  "dboot-init: .*the machine reboots"));
}

TEST(EveryCall, MayAlwaysFail) {
  const std::string state = files::artefact("state");
  SmallHost(options()).save_state(state);
  auto calls = calls_of_a_takeover();
  std::erase_if(calls, is_left_out);
  EXPECT_GT(calls.size(), 40U);
  for (const int call : calls) {
    if (call == SYS_execve) continue;
    ASSERT_NO_FATAL_FAILURE(take_over_while_failing(call, state));
  }
  // Without this one there is no payload in the first place.
  FailingHost host(state, SYS_execve);
  const Output refused = host.shell().run("dboot-inject --yes --force /opt/busybox.tar sh");
  EXPECT_EQ(refused.status, 125) << refused.text;
  EXPECT_EQ(host.shell().output_of("[ ! -e /run/dboot ] && readlink /proc/1/exe"), "/opt/odd-init");
}

}  // namespace
}  // namespace dboot::machine
