// Hooks and breakpoints on a machine.
#include <gtest/gtest.h>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

void write_script(SmallHost& host, const std::string& name, const std::string& line) {
  host.shell().output_of("printf '%s\\n' '#!/bin/sh' '" + line + "' >/opt/" + name);
}

/// What the first of the README's jobs needs: the disk of the old root is there to be written to.
TEST(Hooks, FindTheOldRootBeforeTheReleaseAndItsDiskFreeAfterIt) {
  SmallHost host({.root = "disk"});
  write_script(host, "before", "echo users: $(busybox wc -l </etc/passwd)");
  write_script(host, "after", "busybox mke2fs -F -L made-by-a-hook /dev/vda && echo made anew");
  host.take_over(
      "--hook before:release=/opt/before --hook after:release=/opt/after! --on-exit poweroff",
      std::string("sh -c 'busybox head -c 1160 /dev/vda | busybox tail -c 16") + until_it_is_sent +
          "'");
  host.console().expect("info hook output text=\"users: 1\"", 60s);
  host.console().expect("info hook output text=\"made anew\"", 60s);
  host.console().expect("made-by-a-hook", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

TEST(Hooks, ThatMustSucceedAndFailLeadToTheWayOut) {
  SmallHost host;
  write_script(host, "fails", "echo it will not do; exit 7");
  host.take_over("--hook after:terminate=/opt/fails! --on-failure reboot", "sh");
  host.console().expect("info hook output text=\"it will not do\"", 60s);
  host.console().expect(
      "error failure the takeover has failed reason=\"the hook "
      "/run/dboot/hooks/1-fails at after:terminate has failed: exit status 7\"");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(Breakpoints, AreAShellOnTheConsole) {
  SmallHost host({.root = "disk"});
  host.take_over("--break before:release --break after:release --on-exit poweroff",
                 "sh -c 'echo the new system is there" + std::string(until_it_is_sent) + "'");
  auto& console = host.console();
  console.expect("warning break stopped: .* at=before:release", 60s);
  console.expect("# ");
  console.send_line("echo $DBOOT_BREAK on $(tty): $(busybox wc -l </etc/passwd)");
  console.expect("before:release on /dev/ttyS0: 1");
  console.send_line("exit");
  console.expect("warning break stopped: .* at=after:release", 60s);
  console.expect("# ");
  console.send_line("busybox head -c 1 /dev/vda | busybox wc -c" + std::string(until_it_is_sent) +
                    "; exit");
  console.expect("^1$");
  console.expect("the new system is there", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

TEST(Breakpoints, AnswerToARebootAndToNobody) {
  {
    SmallHost host;
    host.take_over("--break after:console", "sh");
    host.console().expect("warning break stopped: .* at=after:console", 60s);
    host.console().expect("# ");
    host.console().send_line("busybox poweroff");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  }
  {
    SmallHost host;
    host.take_over("--break before:start --break-timeout 1:reboot", "sh");
    host.console().expect("warning break nobody has left the shell in time", 60s);
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  }
  {
    SmallHost host;
    host.take_over("--console none --break before:start --on-exit poweroff", "true");
    EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  }
}

}  // namespace
}  // namespace dboot::machine
