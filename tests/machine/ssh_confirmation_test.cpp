// Over ssh, a new system that nobody confirms: the old one is back, and says why.
#include <gmock/gmock.h>

#include "tests/machine/driver/disk.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/ssh_client.hpp"

namespace dboot::machine {
namespace {

constexpr const char* prompt = "^root@host:~# ";

TEST(ConfirmationOverSsh, NotGivenTheOldSystemIsBackAndSaysWhy) {
  const files::Scratch disk(files::artefact("disk"));
  const files::Scratch pstore(files::artefact("pstore"));
  disk::make_overlay(files::host("disk"), disk.path());
  Machine::Options options;
  options.kernel = files::host("vmlinuz");
  options.initramfs = files::host("initrd.img");
  options.command_line = "root=LABEL=host ro console=tty0 console=ttyS0";
  options.disk = disk.path();
  options.pstore = pstore.path();
  {
    Machine machine(options);
    machine.line().expect(prompt, 240s);
    Shell shell(machine.line());
    shell.take_over();
    install_programs(machine, shell);
    machine.plug_in("image", files::image("busybox"));
    shell.output_of(
        "udevadm wait --timeout=60 /dev/disk/by-id/virtio-image\n"
        "cat /dev/disk/by-id/virtio-image >/root/busybox.tar");
    machine.pull_out("image");
    const SshClient client(machine, shell);
    client.let_in(shell, "root");
    client.take_over(machine, "root",
                     "/opt/dboot/dboot-inject --yes --confirm-within 20s /root/busybox.tar -- "
                     "/bin/sh");
    EXPECT_EQ(machine.wait_for_end(120s), "guest-reset");
  }
  Machine machine(options);
  machine.line().expect("dboot: this machine was taken over at .* and has come back", 240s);
  machine.line().expect(
      "dboot: why: guardian the machine goes back to the system on its disk "
      "reason=\"nobody has confirmed in time\"",
      30s);
  machine.line().expect(prompt, 60s);
  Shell shell(machine.line());
  shell.take_over();
  // Once is enough.
  EXPECT_EQ(shell.output_of("ls /etc/profile.d/dboot* 2>/dev/null || echo none"), "none");
}

}  // namespace
}  // namespace dboot::machine
