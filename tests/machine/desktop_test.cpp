#include <gmock/gmock.h>

#include <filesystem>

#include "tests/machine/driver/disk.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/screen.hpp"
#include "tests/machine/new_system.hpp"

// A workstation with nothing but a shell becomes a desktop, and the desktop a shell again.
namespace dboot::machine {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto prompt = "^root@host:~# ";

/// Of tools/desktop: the window that asks for the password, Xfce, and the page.
constexpr Colour window{0xff, 0xff, 0xff};
constexpr Colour wallpaper{0x1d, 0x27, 0x3a};
constexpr Colour panel{0xf6, 0xf5, 0xf4};
constexpr Colour page{0x10, 0x6b, 0x4f};

/// A PC whose keyboard and mouse are on USB.
Machine::Options workstation(const std::string& disk) {
  Machine::Options options;
  options.kernel = files::made("workstation", "vmlinuz");
  options.initramfs = files::made("workstation", "initrd.img");
  options.command_line = "root=LABEL=host ro console=ttyS0 console=tty0";
  options.disk = disk;
  options.memory_mib = 4096;
  options.devices = {"qemu-xhci", "usb-kbd", "usb-tablet"};
  return options;
}

/// A disk with a filesystem, with the files of a directory.
void make_disk_of(const std::string& directory, const std::string& disk) {
  const Output made = run_program({"mke2fs", "-q", "-t", "ext4", "-d", directory, disk, "2G"});
  if (made.status != 0) throw std::runtime_error("mke2fs: " + made.text);
}

/// Gives the desktop what these tests look at it through: a root shell on ttyS1.
void prepare_shell(Shell& shell) {
  const std::string directory = "/root/etc/systemd/system";
  shell.output_of("mkdir -p " + directory + "/getty.target.wants");
  shell.output_of("cp -a /etc/systemd/system/serial-getty@.service.d " + directory +
                  "/serial-getty@ttyS1.service.d");
  shell.output_of("ln -s /lib/systemd/system/serial-getty@.service " + directory +
                  "/getty.target.wants/serial-getty@ttyS1.service");
}

void expect_drivers(Shell& shell, bool loaded) {
  for (const auto* const driver : {"bochs", "usbhid", "xhci_pci"})
    EXPECT_EQ(shell.run(std::string("test -e /sys/module/") + driver).status == 0, loaded)
        << driver;
}

/// A greeter that is just starting loses what is typed early.
void log_in(Machine& machine, Shell& shell, const std::string& user, const std::string& password) {
  const std::string session = "loginctl list-sessions --no-legend | grep -q ' " + user + " '";
  for (int attempt = 1; attempt <= 3; ++attempt) {
    machine.qmp().type(password + "\n");
    if (shell.run("timeout 60 sh -c \"until " + session + "; do sleep 1; done\"", 90s).status == 0)
      return;
  }
  machine.qmp().screenshot(files::artefact("no-login.png"));
  FAIL() << "nobody has logged in";
}

/// Replaces the workstation by the desktop; returns the root shell there.
Shell become_desktop(Machine& machine, Shell& host) {
  host.output_of("udevadm wait --timeout=60 /dev/disk/by-id/virtio-desktop");
  host.output_of("mount -o ro /dev/disk/by-id/virtio-desktop /mnt");
  prepare_shell(host);
  expect_drivers(host, false);
  host.start("dboot-inject --yes --copy /root/etc:/etc docker-archive:/mnt/image.tar");
  machine.console().expect("hand-over starting executable=", 600s);
  machine.line().expect(prompt, 600s);
  Shell shell(machine.line());
  shell.take_over();
  shell.output_of("export SYSTEMD_PAGER=cat");
  return shell;
}

void use_desktop(Machine& machine, Shell& shell) {
  wait_for_screen(machine, "greeter", 600s,
                  [](const Screen& screen) { return screen.share_of(window) > 0.03; });
  expect_drivers(shell, true);
  log_in(machine, shell, "ada", "lovelace");
  wait_for_screen(machine, "desktop", 600s, [](const Screen& screen) {
    return screen.share_of(wallpaper) > 0.3 && screen.share_of(panel) > 0.02;
  });
  wait_for_screen(machine, "firefox", 900s,
                  [](const Screen& screen) { return screen.share_of(page) > 0.5; });
  EXPECT_EQ(shell.output_of("systemctl --failed --plain --no-legend"), "");
  EXPECT_THAT(shell.output_of("loginctl seat-status seat0"), HasSubstr("drm:card0"));
  const std::string log = shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, HasSubstr("released device=/dev/vda1"));
  EXPECT_THAT(log, HasSubstr("busy=0"));
}

/// Replaces the desktop, its display server included, by a shell on the third virtual terminal.
Shell become_shell(Machine& machine, Shell& desktop) {
  machine.plug_in("bash", files::image("bash"));
  install_programs(machine, desktop);
  desktop.start("cat /dev/disk/by-id/virtio-bash | dboot-inject --yes - -- /bin/bash");
  machine.console().expect("hand-over starting executable=/bin/bash", 600s);
  return open_shell(machine, [&](std::string_view line) { machine.qmp().type(line); });
}

void use_shell(Machine& machine, Shell& shell) {
  for (const auto& process : new_system::processes(shell))
    EXPECT_THAT(process.name, testing::AnyOf("dboot-init", "bash", "sh", "ps"));
  for (const auto& mount : new_system::mounts(shell))
    EXPECT_THAT(mount.source, Not(HasSubstr("/dev/vd"))) << mount.target;
  machine.qmp().type("clear; echo on the sc''reen\n");
  EXPECT_EQ(
      shell.run("timeout 60 sh -c \"until grep -q 'on the screen' /dev/vcs3; do :; done\"", 90s)
          .status,
      0);
  machine.qmp().screenshot(files::artefact("shell-after-desktop.png"));
}

TEST(Desktop, FromADockerfileShowsALoginAndABrowserAndGivesWayToAShell) {
  const files::Scratch disk(files::artefact("disk"));
  const files::Scratch image(files::artefact("desktop-disk"));
  disk::make_overlay(files::made("workstation", "disk"), disk.path());
  make_disk_of(std::filesystem::canonical(files::made("desktop", "")).string(), image.path());

  Machine machine(workstation(disk.path()));
  machine.line().expect(prompt, 300s);
  Shell host(machine.line());
  host.take_over();
  host.output_of("systemctl is-system-running --wait", 300s);
  machine.plug_in("desktop", image.path());
  install_programs(machine, host);

  Shell desktop = become_desktop(machine, host);
  use_desktop(machine, desktop);
  Shell shell = become_shell(machine, desktop);
  use_shell(machine, shell);
}

}  // namespace
}  // namespace dboot::machine
