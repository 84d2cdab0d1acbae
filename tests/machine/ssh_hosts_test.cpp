// Over ssh, to other hosts and other images.
#include <gmock/gmock.h>

#include "tests/machine/driver/disk.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/ssh_client.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The image of systemd, with the host's openssh-server: both are of one Debian.
void make_image_with_a_server(Shell& shell) {
  shell.output_of(
      "mkdir /root/image && docker export $(docker create systemd /bin/sh) | "
      "tar -x -C /root/image\n"
      "cd / && dpkg -L openssh-server libwrap0 | while read -r file; do\n"
      "if [ -f $file ]; then echo $file; fi; done >/root/files\n"
      "ldd /usr/sbin/sshd | grep -o '/[^ ]*' >>/root/files\n"
      "sed s,^/,, /root/files | tar --create --dereference --hard-dereference -T - | tar -x "
      "--keep-directory-symlink --skip-old-files -C /root/image\n"
      "cp -r /etc/pam.d /etc/ssh /root/image/etc/; rm /root/image/etc/ssh/ssh_host_*\n"
      "grep ^sshd: /etc/passwd >>/root/image/etc/passwd\n"
      "grep ^sshd: /etc/shadow >>/root/image/etc/shadow\n"
      "chroot /root/image ssh-keygen -A || ssh-keygen -A -f /root/image\n"
      "ln -s /lib/systemd/system/ssh.service "
      "/root/image/etc/systemd/system/multi-user.target.wants/ssh.service",
      180s);
}

TEST(SshTo, AnImageWhoseInitStartsAServerItself) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  make_image_with_a_server(shell);
  const SshClient client(host.machine(), shell);
  client.let_in(shell, "root");
  client.take_over(host.machine(), "root",
                   "/opt/dboot/dboot-inject --yes --rescue-ssh 2222 dir:/root/image -- "
                   "/lib/systemd/systemd",
                   "login: ");
  EXPECT_THAT(client
                  .ssh({"root@127.0.0.1",
                        "cat /proc/1/comm; systemctl is-active ssh; grep -c :08AE /proc/net/tcp; "
                        "cat /run/dboot/payload.log"})
                  .text,
              AllOf(HasSubstr("systemd\n"), HasSubstr("active\n"), HasSubstr("\n1\n"),
                    HasSubstr("the image has this host key now, in the place of its own "
                              "file=/etc/ssh/ssh_host_ed25519_key")));
}

TEST(SshTo, AnImageWhoseInitStartsNone) {
  Host host(Host::Console::serial);
  const SshClient client(host.machine(), host.shell());
  client.let_in(host.shell(), "root");
  client.take_over(host.machine(), "root",
                   "/opt/dboot/dboot-inject --yes systemd -- /lib/systemd/systemd");
  host.console().expect("login: ", 240s);
  // systemd has mounted what it mounts, and sessions have terminals all the same.
  EXPECT_THAT(client.ssh({"-tt", "root@127.0.0.1", "cat /proc/1/comm; tty"}).text,
              AllOf(HasSubstr("systemd"), HasSubstr("/dev/pts/")));
  // What resets the machine where nobody guards it any more: the kernel's own watchdog.
  EXPECT_THAT(client
                  .ssh({"root@127.0.0.1",
                        "cat /sys/class/watchdog/watchdog0/identity; killall -9 dboot-guardian || "
                        "for p in /proc/[0-9]*; do if grep -qs dboot-guardian $p/comm; then kill "
                        "-9 ${p#/proc/}; fi; done"})
                  .text,
              HasSubstr("Software Watchdog"));
  EXPECT_EQ(host.machine().wait_for_end(120s), "guest-reset");
}

/// And a key that the host does not know.
TEST(SshTo, AHostThatKnowsAPasswordAlone) {
  Host host(Host::Console::serial);
  SshClient client(host.machine(), host.shell());
  host.shell().output_of(
      "useradd --create-home --shell /bin/bash ada; echo 'ada:a word, and 1' | chpasswd\n"
      "echo 'ada ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ada\n"
      "cat >/root/key <<'END'\n" +
      client.public_key() + "END");
  client.use_password("a word, and 1");
  client.take_over(host.machine(), "ada",
                   "sudo /opt/dboot/dboot-inject --yes --ssh-key /root/key bash -- /bin/bash");
  EXPECT_THAT(client.ssh({"ada@127.0.0.1", "cat /proc/1/comm; id -u"}).text,
              HasSubstr("dboot-init\n0\n"));
  client.use_password("another word");
  EXPECT_EQ(client.ssh({"ada@127.0.0.1", "exit 0"}).status, 255);
  client.use_key();
  EXPECT_THAT(client.ssh({"ada@127.0.0.1", "grep 'may log in' /run/dboot/payload.log"}).text,
              HasSubstr("may log in user=ada rights=root keys=1 password=yes"));
}

/// Another OpenSSH, which is in parts.
TEST(SshTo, AHostWithDebian13) {
  const files::Scratch disk(files::artefact("disk"));
  const files::Scratch programs(files::artefact("programs.tar"));
  disk::make_overlay(files::made("host-debian-13", "disk"), disk.path());
  const auto packed = run_program({"tar", "--create", "--file", programs.path(), "--directory",
                                   files::program(""), "dboot-inject", "--transform",
                                   "s,.*/,,;s,root.tar,busybox.tar,", files::image("busybox")});
  ASSERT_EQ(packed.status, 0) << packed.text;
  Machine::Options options;
  options.kernel = files::made("host-debian-13", "vmlinuz");
  options.initramfs = files::made("host-debian-13", "initrd.img");
  options.command_line = "root=LABEL=host ro console=tty0 console=ttyS0";
  options.disk = disk.path();
  options.second_disk = programs.path();
  Machine machine(options);
  machine.line().expect("^root@host:~# ", 300s);
  Shell shell(machine.line());
  shell.take_over();
  shell.output_of("mkdir -p /opt/dboot && tar xf /dev/vdb -C /opt/dboot");
  const SshClient client(machine, shell);
  client.let_in(shell, "root");
  client.take_over(machine, "root",
                   "/opt/dboot/dboot-inject --yes /opt/dboot/busybox.tar -- /bin/sh");
  EXPECT_THAT(client.ssh({"-tt", "root@127.0.0.1", "cat /proc/1/comm; tty"}).text,
              AllOf(HasSubstr("dboot-init"), HasSubstr("/dev/pts/")));
  EXPECT_THAT(client.type("root", "exit\\r"), HasSubstr("the machine reboots into the one"));
}

}  // namespace
}  // namespace dboot::machine
