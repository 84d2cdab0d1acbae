#include <gmock/gmock.h>

#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST(Supervisor, AsksAgainWhenTheCommandCannotBeStartedAgain) {
  Host host(Host::Console::serial);
  host.shell().output_of(
      "printf '#!/bin/sh\\nrm /root/once\\nexit 3\\n' >/root/once && chmod +x /root/once");
  host.shell().start("dboot-inject --yes --on-exit menu --copy /root/once busybox -- /root/once");
  Serial& console = host.console();
  console.expect("The command has ended \\(exit status 3\\)", 120s);
  console.send("s");
  console.expect("The command cannot be started again \\(.*/root/once.*No such file");
  // A key that means nothing, then a shell.
  console.send("x");
  console.expect("The command cannot be started again");
  console.send("h");
  console.expect("/ # ");
  console.send_line("exit");
  console.expect("The command cannot be started again");
  console.send("p");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

constexpr const char* menu = "r.eboot or .p.oweroff. ";

TEST(Supervisor, CollectsTenThousandOrphans) {
  SmallHost host({.files = {files::program("odd-processes")}});
  host.take_over("--copy /opt/odd-processes", "sh");
  auto& console = host.console();
  console.expect("^/ # ", 60s);
  console.send_line("/opt/odd-processes orphans 10000; echo ma'de'");
  console.expect("^made$", 300s);
  console.send_line("while ps -o stat,comm | grep -q odd-proc; do :; done; echo no'ne'");
  console.expect("^none$", 60s);
}

TEST(Supervisor, GivesEachCommandASaneTerminal) {
  SmallHost host;
  host.take_over("", "sh");
  auto& console = host.console();
  console.expect("^/ # ", 60s);
  console.send_line("stty raw -echo -opost -isig erase x; exit");
  console.expect(menu, 60s);
  console.send("s");
  console.expect("^/ # ", 60s);
  console.send_line("stty -a; echo en'd'");
  const auto settings = console.expect("^end$");
  for (const char* wanted : {"icanon", "isig", "opost", "icrnl", "echo", "erase = .\\?;"})
    EXPECT_THAT(settings, ContainsRegex("[ \n]" + std::string(wanted)));
  for (const char* unwanted : {"-icanon", "-isig", "-opost", "-icrnl", "-echo "})
    EXPECT_THAT(settings, Not(HasSubstr(unwanted)));
}

/// What it has started goes on, and is asked to end with the system.
TEST(Supervisor, ACommandThatForksIntoTheBackgroundHasEnded) {
  SmallHost host({.files = {files::program("odd-processes")}});
  host.take_over("--copy /opt/odd-processes", "/opt/odd-processes handler");
  auto& console = host.console();
  console.expect(menu, 60s);
  console.send("h");
  console.expect("# $", 60s);
  console.send_line("echo there is $(pidof odd-processes | wc -w)");
  console.expect("^there is 1$");
  console.send_line("exit");
  console.expect(menu, 60s);
  console.send("p");
  console.expect("saved by handler", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

TEST(Supervisor, OutlivesACommandThatKillsAllItCan) {
  SmallHost host;
  host.take_over("", "sh -c 'kill -9 -1; echo alone; exec sh'");
  auto& console = host.console();
  console.expect("^alone$", 60s);
  console.expect("^/ # ", 60s);
  // And so it does while somebody is asked what is to come.
  console.send_line(
      "(trap '' HUP; sleep 3; kill -9 -1; echo '<2>all ki''lled' >/dev/kmsg) & kill -9 $$");
  console.expect(menu, 60s);
  console.expect("all killed", 60s);
  console.expect(menu, 60s);
  console.send("p");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

}  // namespace
}  // namespace dboot::machine
