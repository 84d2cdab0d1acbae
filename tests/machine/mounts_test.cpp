// Whatever an old system has mounted, and whoever holds it.
#include <gmock/gmock.h>

#include "tests/machine/disk_of_a_cache.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// A filesystem on a disk of its own, on /srv/data.
void mount_disk(Host& host, const std::string& disk) {
  ASSERT_EQ(run_program({"truncate", "-s", "64M", disk}).status, 0);
  ASSERT_EQ(run_program({"mke2fs", "-q", "-F", "-t", "ext4", disk}).status, 0);
  host.machine().plug_in("data", disk, Machine::Access::read_write);
  host.shell().output_of("udevadm wait --timeout=60 /dev/disk/by-id/virtio-data");
  host.shell().output_of("mkdir /srv/data && mount /dev/disk/by-id/virtio-data /srv/data");
}

/// Takes it over and returns the payload's log.
std::string log_of_takeover(Host& host, const std::string& options = "") {
  host.shell().start("dboot-inject --yes " + options + " bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 300s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  return shell.output_of("cat /run/dboot/payload.log");
}

/// In a file of the host's: a program of the tests.
void bring(Host& host, const std::string& name) {
  host.machine().plug_in(name, files::program(name));
  const std::string device = "/dev/disk/by-id/virtio-" + name;
  host.shell().output_of("udevadm wait --timeout=60 " + device);
  // The disk ends with a whole sector.
  host.shell().output_of("cat " + device + " >/opt/" + name + " && chmod 755 /opt/" + name);
  host.machine().pull_out(name);
}

TEST(Mounts, OfEveryKindGo) {
  Host host(Host::Console::serial);
  const files::Scratch disk(files::artefact("data"));
  ASSERT_NO_FATAL_FAILURE(mount_disk(host, disk.path()));
  bring(host, "deaf-fuse");
  Shell& shell = host.shell();
  shell.output_of("mount -o remount,noexec /run && cd /srv/data && mkdir a b c d e f g h");
  // Bound: directories, a file, and what is shared.
  shell.output_of("touch a/file b/file && mount --bind a c && mount --bind a/file b/file");
  shell.output_of("mount --rbind / d && mount --make-rshared d && mount --bind d/etc b");
  // On top of one another.
  shell.output_of("mount --bind b c && mount -t tmpfs one e && mkdir e/in");
  shell.output_of("mount -t tmpfs two e/in && mount -t tmpfs three e");
  shell.output_of("mkdir lower upper work");
  shell.output_of(
      "mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay f && touch f/file");
  shell.output_of(
      "setsid /opt/deaf-fuse g </dev/null >/dev/null 2>&1 & "
      "until mountpoint -q /srv/data/g; do :; done");
  // Namespaces that are bound; that of mounts has all of them once more.
  shell.output_of("ip netns add kept && touch h/net && mount --bind /run/netns/kept h/net");
  shell.output_of(
      "mkdir /run/own && mount --bind --make-private /run/own /run/own && touch /run/own/mnt && "
      "unshare --mount=/run/own/mnt mount -t tmpfs inner /mnt");
  // Automatic ones: nobody has asked for the first.
  shell.output_of(
      "for name in first second; do systemd-mount --quiet --automount=yes --type=tmpfs tmpfs "
      "/srv/$name; done; ls /srv/second");
  shell.output_of(
      "for name in first second; do grep \" /srv/$name .* - autofs \" /proc/self/mountinfo; done");
  shell.output_of("cd /");
  const std::string log = log_of_takeover(host);
  EXPECT_THAT(log, AllOf(ContainsRegex("released device=/dev/vd[b-z] was=\"ext4 on /srv/data\""),
                         HasSubstr("old root released disks="), HasSubstr(" busy=0"),
                         Not(HasSubstr("still busy"))));
  EXPECT_THAT(log, ContainsRegex("unmounted mounts=[0-9]+ left=0"));
}

TEST(Mounts, OfAnIoUringUserGoWhenTheKernelHasLetGoOfThem) {
  Host host(Host::Console::serial);
  const files::Scratch disk(files::artefact("data"));
  ASSERT_NO_FATAL_FAILURE(mount_disk(host, disk.path()));
  bring(host, "io-uring-user");
  host.shell().output_of("truncate -s 1M /srv/data/file && mkfifo /run/said");
  host.shell().output_of(
      "setsid /opt/io-uring-user /srv/data/file >/run/said 2>&1 & head -n1 /run/said");
  const std::string log = log_of_takeover(host);
  EXPECT_THAT(log, AllOf(ContainsRegex("released device=/dev/vd[b-z] was=\"ext4 on /srv/data\""),
                         HasSubstr(" busy=0"), Not(HasSubstr("still busy"))));
}

/// What it is asked for while its server does not answer hangs for ever.
TEST(Mounts, OfANfsThatDoesNotAnswerKeepNothingElse) {
  Host host(Host::Console::serial);
  const files::Scratch disk(files::artefact("data"));
  ASSERT_NO_FATAL_FAILURE(mount_disk(host, disk.path()));
  Shell& shell = host.shell();
  shell.output_of("mkdir /srv/export /srv/far && mount -t tmpfs export /srv/export");
  shell.output_of("echo '/srv/export 127.0.0.1(rw,fsid=0,no_root_squash)' >/etc/exports");
  shell.output_of(
      "systemctl unmask nfs-server rpcbind rpcbind.socket 2>&1 && "
      "systemctl start nfs-server 2>&1",
      120s);
  shell.output_of("mount -t nfs4 127.0.0.1:/ /srv/far && echo early >/srv/far/file && sync", 120s);
  // It stops while something is yet to be written to it.
  shell.output_of(
      "mkfifo /run/said; setsid perl -MFcntl -e '$| = 1; sysopen F, \"/srv/far/file\", O_WRONLY; "
      "open T, \">\", \"/proc/fs/nfsd/threads\"; print T \"0\\n\"; close T; "
      "syswrite F, \"later\\n\"; print \"written\\n\"; sleep 1000' >/run/said 2>&1 & "
      "head -n1 /run/said");
  const std::string log = log_of_takeover(host, "--grace 1");
  EXPECT_THAT(log, AllOf(ContainsRegex("server given up mount=[^ ]*/srv/far type=nfs4"),
                         ContainsRegex("released device=/dev/vd[b-z] was=\"ext4 on /srv/data\""),
                         HasSubstr(" busy=0")));
}

/// Its threads are no processes, and what it exports is open. The host is a client of its own,
/// which has yet to write when the takeover begins.
TEST(Mounts, ThatTheKernelsNfsServerExportsGoWithWhatItsClientsHaveWritten) {
  Host host(Host::Console::serial);
  const files::Scratch disk(files::artefact("data"));
  ASSERT_NO_FATAL_FAILURE(mount_disk(host, disk.path()));
  Shell& shell = host.shell();
  shell.output_of("echo '/srv/data 127.0.0.1(rw,no_root_squash)' >/etc/exports; mkdir /srv/far");
  shell.output_of(
      "systemctl unmask nfs-server rpcbind rpcbind.socket 2>&1 && "
      "systemctl start nfs-server 2>&1",
      120s);
  shell.output_of("mount -t nfs4 127.0.0.1:/srv/data /srv/far", 120s);
  // As long as it is open, nothing asks for it to be written.
  shell.output_of("exec 5>/srv/far/file; echo written >&5");
  shell.start("dboot-inject --yes busybox -- /bin/sh");
  Serial& console = host.console();
  console.expect("hand-over starting executable=/bin/sh", 300s);
  Shell new_shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  EXPECT_THAT(new_shell.output_of("cat /run/dboot/payload.log"),
              AllOf(HasSubstr("NFS server stopped"),
                    ContainsRegex("released device=/dev/vd[b-z] was=\"ext4 on /srv/data\""),
                    HasSubstr(" busy=0"), Not(HasSubstr("server given up"))));
  EXPECT_EQ(
      new_shell.output_of("mkdir /data && mount -t ext4 /dev/vd[b-z] /data && cat /data/file"),
      "written");
}

TEST(Mounts, ThatOnlyAnotherNamespaceHasAreProvedToo) {
  SmallHost host;
  host.shell().output_of("mke2fs -F /dev/vda >/dev/null 2>&1; mkfifo /run/said");
  host.shell().output_of(
      "setsid unshare -m sh -c 'mount -t ext4 /dev/vda /srv; echo mounted; exec sleep 1000' "
      ">/run/said 2>&1 & head -n1 /run/said");
  EXPECT_EQ(host.shell().output_of("grep -c /dev/vda /proc/mounts || true"), "0");
  host.take_over("", "sh");
  host.console().expect("^/ # ", 120s);
  host.console().send_line("cat /run/dboot/payload.log");
  const std::string log = host.console().expect("hand-over finished");
  EXPECT_THAT(log,
              AllOf(ContainsRegex(
                        "released device=/dev/vda was=\"ext4 on /srv of pid [0-9]+ \\(sleep\\)\""),
                    HasSubstr("busy=0")));
}

/// With what is mounted in it: of a file on it, too.
TEST(Mounts, ThatAreKeptAreTheNewSystemsAndTheirDisksAreNotCalledBusy) {
  const files::Scratch disk(files::artefact("data"));
  ASSERT_EQ(run_program({"truncate", "-s", "64M", disk.path()}).status, 0);
  ASSERT_EQ(run_program({"mke2fs", "-q", "-F", "-t", "ext4", disk.path()}).status, 0);
  SmallHost host(
      {.root = "disk", .second_disk = disk.path(), .files = {files::program("odd-processes")}});
  Shell& shell = host.shell();
  // Who knows what for: it goes on, and so would one that ends with the old root.
  shell.output_of("mkdir -p /run/box && mount -t tmpfs tmpfs /run/box");
  shell.output_of("cp /opt/odd-processes /run/box/@daemon && cd /");
  shell.output_of("PATH=/:$PATH chroot /run/box @daemon handler");
  shell.output_of("mount -t ext4 /dev/vdb /srv && mkdir /srv/in && echo before >/srv/file");
  shell.output_of("dd if=/dev/zero of=/srv/image bs=1M count=8 && mke2fs -F /srv/image");
  shell.output_of("losetup /dev/loop0 /srv/image && mount -t ext2 /dev/loop0 /srv/in");
  // Of a file on the old root: taken apart as ever.
  shell.output_of("dd if=/dev/zero of=/image bs=1M count=1 && losetup /dev/loop1 /image");
  EXPECT_THAT(shell.output_of("dboot-inject --dry-run --keep /srv /opt/busybox.tar sh"),
              AllOf(ContainsRegex("disks +vda is released"),
                    ContainsRegex(" vdb stays in use, as --keep asks for\n"),
                    HasSubstr("ext4 on /srv: vdb, kept\n")));
  host.take_over("--keep /srv --require-release", "sh");
  Serial& console = host.console();
  console.expect("^/ # ", 120s);
  console.send_line("cat /run/dboot/payload.log");
  const std::string log = console.expect("hand-over finished");
  EXPECT_THAT(log, AllOf(HasSubstr("mount kept mount=/srv"),
                         HasSubstr("released device=/dev/vda was=\"ext4 on /\""),
                         HasSubstr("kept device=/dev/vdb was=\"ext4 on /srv\""),
                         HasSubstr("kept device=/dev/loop0 was=\"ext2 on /srv/in\""),
                         ContainsRegex("released device=/dev/loop1 "),
                         HasSubstr("old root released disks=4 busy=0 kept=2")));
  console.send_line("cat /srv/file; echo after >/srv/in/file; cat /srv/in/file");
  console.expect("^before$");
  console.expect("^after$");
  console.send_line("echo $(cat /proc/[0-9]*/comm | grep -c @daemon) lives");
  console.expect("^1 lives$");
  // Where PID 1 is the payload, that unmounts it.
  console.send_line("poweroff");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
  // Whoever has not unmounted it leaves its journal to be read.
  const auto state = run_program({"dumpe2fs", "-h", disk.path()});
  EXPECT_THAT(state.text, AllOf(HasSubstr("has_journal"), Not(HasSubstr("needs_recovery"))));
}

/// Passphrases of encrypted disks, as systemd keeps them, and a volume key that was linked there.
TEST(Keys, OfEncryptedDisksGoWithTheOldSystem) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  shell.output_of("keyctl padd user cryptsetup @u <<<secret");
  shell.output_of("keyctl padd logon cryptsetup:volume @us <<<secret");
  EXPECT_EQ(shell.output_of("grep -c cryptsetup /proc/keys"), "2");
  host.shell().start("dboot-inject --yes bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 300s);
  Shell new_shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  EXPECT_EQ(new_shell.output_of("grep -c cryptsetup /proc/keys || true"), "0");
  EXPECT_EQ(new_shell.output_of("grep -c _uid.0 /proc/keys || true"), "1");
}

TEST(RequiredRelease, IsRefusedWhereSomethingIsSeenToKeepADisk) {
  Host host(Host::Console::serial);
  const files::Scratch disk(files::artefact("data"));
  ASSERT_NO_FATAL_FAILURE(mount_disk_of_a_cache(host, disk.path()));
  const Output refused =
      host.shell().run("dboot-inject --yes --require-release bash -- /bin/bash", 120s);
  EXPECT_EQ(refused.status, 125) << refused.text;
  EXPECT_THAT(refused.text,
              AllOf(ContainsRegex("not all disks would come free: vd[b-z] is kept by bcache0, "
                                  "bcache \\(to end it: echo 1 >/sys/block/bcache0/bcache/stop\\)"),
                    HasSubstr("to mend it: end what keeps them")));
  EXPECT_THAT(
      host.shell().output_of("dboot-inject --dry-run --require-release bash -- /bin/bash", 120s),
      HasSubstr("refused      now: not all disks would come free"));
  const Output doctor = host.shell().run("dboot-inject --doctor bash", 120s);
  EXPECT_EQ(doctor.status, 0) << doctor.text;
  EXPECT_THAT(doctor.text,
              AllOf(HasSubstr("good      init      PID 1 is systemd"),
                    ContainsRegex("good +disks +vda will be free, now ext4 on /"),
                    ContainsRegex("careful +disks +vd[b-z] stays busy: bcache0"),
                    ContainsRegex("good +consoles +the log on [^\n]*ttyS0, a shell on ttyS0"),
                    HasSubstr("A takeover would work, as far as this looks.")));
  // With the command that was named.
  host.shell().output_of("umount /srv/vault && echo 1 >/sys/block/bcache0/bcache/stop");
  EXPECT_THAT(log_of_takeover(host, "--require-release"), HasSubstr(" busy=0"));
}

/// A process that the kernel does not let go.
TEST(RequiredRelease, FailsAndNamesWhoKeepsTheDisk) {
  SmallHost host;
  Shell& shell = host.shell();
  shell.output_of("mke2fs -F /dev/vda && mkdir /srv/frozen && mount -t ext4 /dev/vda /srv/frozen");
  shell.output_of("exec 3<>/srv/frozen/file; fsfreeze --freeze /srv/frozen");
  shell.output_of("(dd if=/dev/zero count=1 >&3) 2>/dev/null & exec 3>&-");
  host.take_over("--grace 1 --require-release --on-failure reboot", "sh");
  host.console().expect(
      "the takeover has failed reason=\"not all disks are free, as --require-release asks for: "
      "/dev/vda \\(held by pid [0-9]+ \\(dd\\)\\)\"",
      120s);
  EXPECT_EQ(host.machine().wait_for_end(120s), "guest-reset");
}

}  // namespace
}  // namespace dboot::machine
