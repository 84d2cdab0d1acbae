#include <gmock/gmock.h>

#include "shared/log/record.hpp"
#include "shared/proc/fields.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/new_system.hpp"
#include "tests/machine/page.hpp"

namespace dboot::machine {
namespace {

using new_system::count;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto prompt = "root@host:/# ";
constexpr auto no_signals = "0000000000000000";

/// Gives the order on ttyS1, and does not wait: nobody is there any more who could answer.
void take_over(Host& host, const std::string& arguments) {
  host.shell().start("dboot-inject --yes " + arguments);
}

/// A command that says when it runs, and then goes on for ever. The word is not in the command.
constexpr auto endless = "bash -c 'echo run\"\"ning; exec sleep 1000'\n";

void expect_nothing_of_the_old_system(Shell& shell) {
  for (const auto& process : new_system::processes(shell))
    EXPECT_THAT(process.name, AnyOf("dboot-init", "bash", "sh", "ps"));
  for (const auto& mount : new_system::mounts(shell)) {
    EXPECT_THAT(mount.source, Not(StartsWith("/dev/"))) << mount.target;
    EXPECT_THAT(mount.type, AnyOf("tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "cgroup2",
                                  "securityfs", "mqueue"))
        << mount.target;
    EXPECT_THAT(mount.target, Not(HasSubstr("old"))) << mount.type;
  }
  EXPECT_THAT(shell.output_of("cat /proc/swaps"), Not(HasSubstr("/dev/")));
}

void expect_fresh_signals(Shell& shell) {
  for (const auto* const name : {"SigBlk", "SigIgn"}) {
    EXPECT_EQ(new_system::status_line(shell, "1", name), no_signals) << name;
    // What the shell hands on is what it was started with: an interactive one ignores some itself.
    EXPECT_EQ(new_system::status_line(shell, "self", name), no_signals) << name;
  }
}

/// Every line of the record from "info" on, once; the kernel's log begins with the payload.
void expect_each_line_once(Shell& shell, const std::string& console) {
  const std::string kernel = shell.output_of("dmesg");
  const auto log = new_system::payload_log(shell);
  bool is_payload = false;
  for (const auto& line : log) {
    const auto record = log::parse(line);
    ASSERT_TRUE(record) << line;
    is_payload = is_payload || record->phase == "wake";
    const std::size_t shown = record->level >= log::Level::info ? 1 : 0;
    EXPECT_EQ(count(kernel, line), is_payload ? shown : 0) << "in the kernel's log: " << line;
    EXPECT_EQ(count(console, line), shown) << "on the console: " << line;
  }
  EXPECT_TRUE(is_payload);
}

TEST(Takeover, GivesABashWithJobControlOnTheSerialConsoleAndFreesTheDisk) {
  Host host(Host::Console::serial);
  Serial& console = host.console();
  take_over(host, "bash -- /bin/bash");
  console.expect_text(prompt, 120s);

  console.send(endless);
  console.expect("^running$");
  console.send("\x03");
  console.expect_text(prompt);
  console.send_line("echo status $?");
  console.expect("^status 130$");
  console.send(endless);
  console.expect("^running$");
  console.send("\x1a");
  console.expect("Stopped");
  console.send_line("jobs");
  console.expect("^\\[1\\]\\+ +Stopped +bash");
  console.send_line("kill %1");

  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  expect_each_line_once(shell, console.text());
  expect_nothing_of_the_old_system(shell);
  expect_fresh_signals(shell);
  // Both open the device with O_EXCL.
  EXPECT_EQ(shell.run("mke2fs -q -F /dev/vda1").status, 0);
  EXPECT_EQ(shell.run("mkswap /dev/vda2").status, 0);
  // Refused as long as anything on the disk is in use.
  EXPECT_EQ(shell.run("blockdev --rereadpt /dev/vda").status, 0);
}

/// Waits until the third virtual terminal shows the text.
void expect_on_screen(Shell& shell, const std::string& text) {
  const Output shown = shell.run("timeout 60 sh -c \"until grep -q '" + text +
                                     "' /dev/vcs3; do :; done\"; "
                                     "s=$?; fold -w 80 /dev/vcs3; (exit $s)",
                                 90s);
  EXPECT_EQ(shown.status, 0) << text << " is not on the screen:\n" << shown.text;
}

TEST(Takeover, GivesABashWithJobControlOnTheThirdTerminalAndLeavesTheDiskClean) {
  Host host(Host::Console::screen);
  Qmp& qmp = host.qmp();
  take_over(host, "--break before:release bash -- /bin/bash");
  // With two consoles the log is on the serial line as well; the payload's last word is there.
  host.console().expect("warning break stopped: .* at=before:release", 120s);
  await_shell(host.machine(), [&](std::string_view line) { qmp.type(line); });
  qmp.type("echo stopped on $(tty) >/dev/ttyS0; exit\n");
  host.console().expect("stopped on /dev/tty3");
  host.console().expect("hand-over starting executable=/bin/bash", 120s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { qmp.type(line); });
  qmp.type("clear\n");

  qmp.type(endless);
  expect_on_screen(shell, "running");
  qmp.type("\x03");
  qmp.type("echo status $?\n");
  expect_on_screen(shell, "status 130");
  qmp.type(endless);
  expect_on_screen(shell, "running.*running");
  qmp.type("\x1a");
  expect_on_screen(shell, "Stopped");
  qmp.type("clear\njobs\n");
  expect_on_screen(shell, "\\[1\\]+ *Stopped *bash");
  qmp.type("kill %1\nclear; grep -v debug /run/dboot/payload.log | tail -n 12; ps; mount\n");
  expect_on_screen(shell, "dboot-root on / ");
  qmp.screenshot(files::artefact("terminal-3.png"));

  expect_nothing_of_the_old_system(shell);
  expect_fresh_signals(shell);
  expect_each_line_once(shell, host.console().text());

  // The shell's end is no panic, but a question.
  qmp.type("exit\n");
  expect_on_screen(shell, "The command has ended");
  EXPECT_THAT(shell.output_of("cat /run/dboot/payload.log"), HasSubstr("the command has ended"));
  qmp.screenshot(files::artefact("menu.png"));
  qmp.type("p\n");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  const Output check = host.check_root();
  EXPECT_EQ(check.status, 0) << check.text;
}

TEST(Takeover, StartsSystemdWhichFindsItselfOnAMachineInGoodOrder) {
  Host host(Host::Console::serial);
  Serial& console = host.console();
  take_over(host, "systemd -- /lib/systemd/systemd");
  console.expect("login: ", 240s);
  console.send_line("root");
  console.expect("# $");
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  EXPECT_EQ(shell.output_of("systemctl is-system-running --wait"), "running");
  EXPECT_EQ(shell.output_of("systemctl --failed --plain --no-legend"), "");
  EXPECT_THAT(shell.run("systemd-detect-virt --container").text, StartsWith("none"));
  EXPECT_EQ(shell.output_of("readlink /proc/1/exe"), "/usr/lib/systemd/systemd");
  EXPECT_EQ(new_system::status_line(shell, "self", "SigBlk"), no_signals);
}

TEST(Takeover, AnswersRebootFromABusyboxShell) {
  Host host(Host::Console::serial);
  take_over(host, "busybox -- /bin/sh");
  host.console().expect("^/ # ", 120s);
  host.console().send_line("reboot");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
}

TEST(Takeover, AnswersPoweroffFromABusyboxShell) {
  Host host(Host::Console::serial);
  take_over(host, "busybox -- /bin/sh");
  host.console().expect("^/ # ", 120s);
  host.console().send_line("poweroff");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  const Output check = host.check_root();
  EXPECT_EQ(check.status, 0) << check.text;
}

/// systemd catches its own crash, and then stands still for ever: no systemctl, no reboot.
TEST(Takeover, IsOfAHostWhoseSystemdHasCrashed) {
  Host host(Host::Console::serial);
  host.shell().output_of("kill -SEGV 1");
  host.console().expect("Freezing execution", 60s);
  EXPECT_NE(host.run("timeout 5 systemctl is-system-running").status, 0);
  // As the page injector/inject/when-systemd-has-crashed.md says, command by command.
  host.machine().plug_in("image", files::image("busybox"));
  host.shell().output_of(
      "udevadm wait --timeout=60 /dev/disk/by-id/virtio-image; cd /root\n"
      "cat /dev/disk/by-id/virtio-image >busybox.tar; ln -s $(command -v dboot-inject) .");
  host.machine().pull_out("image");
  const auto page = commands_of("injector/inject/when-systemd-has-crashed.md", "    # ");
  const auto commands = lines_of(std::string_view(page));
  ASSERT_EQ(commands.size(), 3U);
  const Output doctor = host.shell().run(std::string(commands[0]), 120s);
  EXPECT_EQ(doctor.status, 0) << doctor.text;
  EXPECT_THAT(doctor.text, HasSubstr("PID 1 (systemd) has crashed, and stands still"));
  host.shell().start(std::string(commands[1]));
  Serial& console = host.console();
  console.expect("hand-over starting executable=/bin/sh", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  EXPECT_EQ(shell.output_of("cat /proc/1/comm"), "dboot-init");
  EXPECT_THAT(shell.output_of("cat /run/dboot/payload.log"), HasSubstr("busy=0"));
  console.send(std::string(commands[2]) + "\n");
  EXPECT_EQ(host.machine().wait_for_end(60s), "guest-reset");
}

}  // namespace
}  // namespace dboot::machine
