#include <gmock/gmock.h>

#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"
#include "tests/machine/new_system.hpp"

namespace dboot::machine {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// A btrfs of two devices, which are files on the root.
void mount_btrfs(Shell& shell) {
  shell.output_of("truncate -s 200M /var/a /var/b");
  shell.output_of("losetup /dev/loop0 /var/a && losetup /dev/loop1 /var/b");
  shell.output_of("mkfs.btrfs -q -m raid1 -d raid1 /dev/loop0 /dev/loop1");
  shell.output_of("mkdir /srv/pool && mount /dev/loop1 /srv/pool");
}

/// An ext4 on a mapping of a disk of its own, as LVM makes one.
void mount_mapping(Host& host, const std::string& disk) {
  const auto made = run_program({"truncate", "-s", "32M", disk});
  ASSERT_EQ(made.status, 0) << made.text;
  const auto filled = run_program({"mke2fs", "-q", "-F", "-t", "ext4", disk});
  ASSERT_EQ(filled.status, 0) << filled.text;
  host.machine().plug_in("lower", disk);
  host.shell().output_of("udevadm wait --timeout=60 /dev/disk/by-id/virtio-lower");
  host.shell().output_of(
      "lower=$(readlink -f /dev/disk/by-id/virtio-lower) && dmsetup create --readonly upper "
      "--table \"0 $(blockdev --getsz $lower) linear $lower 0\"");
  host.shell().output_of("mkdir /srv/mapped && mount -o ro /dev/mapper/upper /srv/mapped");
}

/// A swap file that no path leads to until a tmpfs is gone.
void use_hidden_swap_file(Shell& shell) {
  shell.output_of("mkdir /var/hidden && fallocate -l 16M /var/hidden/swap");
  shell.output_of("chmod 600 /var/hidden/swap && mkswap -q /var/hidden/swap");
  shell.output_of("swapon /var/hidden/swap && mount -t tmpfs tmpfs /var/hidden");
}

/// Hierarchies of version 1 beside the unified one, with PID 1 in a group of theirs.
void use_old_cgroups(Shell& shell) {
  for (const std::string options : {"none,name=old", "net_cls"}) {
    shell.output_of("mkdir -p /run/v1 && mount -t cgroup -o " + options + " cgroup /run/v1");
    shell.output_of("mkdir -p /run/v1/group/inner && echo 1 >/run/v1/group/inner/cgroup.procs");
    shell.output_of("umount /run/v1");
  }
}

void expect_no_groups(Shell& shell) {
  shell.output_of("mkdir /groups && mount -t cgroup2 cgroup2 /groups");
  EXPECT_EQ(shell.output_of("ls -d /groups/*/ 2>/dev/null || true"), "");
  for (const std::string options : {"none,name=old", "net_cls"}) {
    shell.output_of("umount /groups && mount -t cgroup -o " + options + " cgroup /groups");
    EXPECT_EQ(shell.output_of("ls -d /groups/*/ 2>/dev/null || true"), "") << options;
    EXPECT_EQ(shell.output_of("grep -x 1 /groups/cgroup.procs"), "1") << options;
  }
}

TEST(Release, GoesRoundAfterRoundAndTheProofLooksBelowBtrfsAndMappings) {
  Host host(Host::Console::serial);
  const files::Scratch lower(files::artefact("lower"));
  mount_btrfs(host.shell());
  ASSERT_NO_FATAL_FAILURE(mount_mapping(host, lower.path()));
  use_hidden_swap_file(host.shell());
  use_old_cgroups(host.shell());

  EXPECT_THAT(
      host.shell().output_of("dboot-inject --dry-run bash -- /bin/bash", 120s),
      AllOf(HasSubstr("disks        vda is released\n"),
            HasSubstr("\n               ext4 on /: vda1 on vda\n"),
            HasSubstr("\n               btrfs on /srv/pool: loop0 on vda1 on vda\n"),
            HasSubstr("\n               btrfs on /srv/pool: loop1 on vda1 on vda\n"),
            HasSubstr("\n               swap: vda2 on vda\n"),
            ContainsRegex("\n             vd[b-z] is released\n"
                          "               taken apart: dm-0 \\(upper\\), device mapper\n"
                          "               ext4 on /srv/mapped: dm-0 \\(upper\\) on vd[b-z]\n"),
            HasSubstr("\nconsoles     the log on "), HasSubstr("\n             a shell on ttyS0\n"),
            HasSubstr("\n             network docker0: 172.17.0.1/16\n"),
            HasSubstr("\nway back     reboot in the new system")));

  host.shell().start("dboot-inject --yes bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  const std::string log = shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, HasSubstr("swap detached area=/run/.old-root/var/hidden/swap"));
  EXPECT_THAT(log, Not(HasSubstr("error release swap stays")));
  EXPECT_THAT(log, HasSubstr("left=0"));
  EXPECT_THAT(log,
              ContainsRegex("moved to the root cgroup hierarchies=[0-9]+ removed=[0-9]+ stay=0"));
  EXPECT_THAT(log, HasSubstr("released device=/dev/loop0 was=\"btrfs on /srv/pool\""));
  EXPECT_THAT(log, HasSubstr("released device=/dev/loop1 was=\"btrfs on /srv/pool\""));
  EXPECT_THAT(log, HasSubstr("released device=/dev/vda1 was=\"ext4 on /\""));
  EXPECT_THAT(log, HasSubstr("released device=/dev/vda was=\"below ext4 on /\""));
  EXPECT_THAT(log, HasSubstr("released device=/dev/dm-0 was=\"ext4 on /srv/mapped\""));
  EXPECT_THAT(log, HasSubstr("device taken apart device=dm-0 kind=\"device mapper\" name=upper"));
  EXPECT_THAT(log, ContainsRegex("released device=/dev/vd[b-z] was=\"below ext4 on /srv/mapped\""));
  EXPECT_THAT(log, HasSubstr("old root released disks=7 busy=0"));
  expect_no_groups(shell);
}

/// As on a server: LVM on LUKS on md, with swap in one volume and, in a file on the other, one more
/// filesystem. Beside it a suspended mapping, and swap in compressed memory.
void stack_disks(Shell& shell) {
  shell.output_of("modprobe -a raid1 dm-crypt zram && truncate -s 64M /var/a /var/b");
  shell.output_of("losetup /dev/loop0 /var/a && losetup /dev/loop1 /var/b");
  // As mdadm --build does it.
  shell.output_of("echo md7 >/sys/module/md_mod/parameters/new_array");
  shell.output_of(
      "(cd /sys/block/md7/md && echo none >metadata_version && echo raid1 >level && "
      "echo 2 >raid_disks && echo 65536 >component_size)");
  for (const std::string number : {"0", "1"}) {
    shell.output_of("(cd /sys/block/md7/md && echo 7:" + number + " >new_dev && cd dev-loop" +
                    number + " && echo 65536 >size && echo " + number + " >slot)");
  }
  shell.output_of("(cd /sys/block/md7/md && echo none >resync_start && echo active >array_state)");
  const std::string key(64, 'a');
  shell.output_of("dmsetup create luks --table \"0 131072 crypt aes-xts-plain64 " + key +
                  " 0 /dev/md7 0\"");
  shell.output_of("dmsetup create vg-data --table '0 98304 linear /dev/mapper/luks 0'");
  shell.output_of("dmsetup create vg-swap --table '0 32768 linear /dev/mapper/luks 98304'");
  shell.output_of("mkfs.ext4 -q /dev/mapper/vg-data && mkdir /srv/data /srv/inner");
  shell.output_of("mount /dev/mapper/vg-data /srv/data && truncate -s 16M /srv/data/file");
  shell.output_of("mkfs.ext4 -q /srv/data/file && mount -o loop /srv/data/file /srv/inner");
  shell.output_of("mkswap -q /dev/mapper/vg-swap && swapon /dev/mapper/vg-swap");
  shell.output_of(
      "echo 16M >/sys/block/zram0/disksize && mkswap -q /dev/zram0 && swapon "
      "/dev/zram0");
  shell.output_of("dmsetup suspend vg-data");
}

TEST(Release, TakesStacksApartInWhateverOrderTheyLie) {
  Host host(Host::Console::serial);
  stack_disks(host.shell());
  host.shell().start("dboot-inject --yes bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 180s);
  Shell shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  const std::string log = shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, ContainsRegex("mapping answers again device=dm-[0-9] name=vg-data by=resume"));
  for (const char* name : {"luks", "vg-data", "vg-swap"})
    EXPECT_THAT(log, ContainsRegex(std::string("device taken apart device=dm-[0-9] "
                                               "kind=\"device mapper\" name=") +
                                   name));
  EXPECT_THAT(log, HasSubstr("device taken apart device=md7 kind=md"));
  EXPECT_THAT(log, HasSubstr("device taken apart device=zram0 kind=zram"));
  EXPECT_THAT(log, HasSubstr(" busy=0"));
  EXPECT_EQ(shell.output_of("cd /sys/class/block && ls -d dm-* md* 2>/dev/null || echo none"),
            "none");
  EXPECT_EQ(shell.output_of("ls /dev/mapper"), "control");
  EXPECT_EQ(shell.output_of("cat /sys/block/loop?/loop/backing_file 2>/dev/null || echo none"),
            "none");
}

/// What was to be written waits for a path, as long as that is asked for.
TEST(Release, MultipathWithoutAPathFailsInsteadOfWaiting) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  shell.output_of("modprobe -a dm-multipath dm-round-robin && truncate -s 32M /var/a");
  shell.output_of("losetup /dev/loop0 /var/a");
  shell.output_of(
      "dmsetup create far --uuid mpath-far --table "
      "'0 65536 multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 7:0'");
  shell.output_of("mkfs.ext4 -q /dev/mapper/far");
  shell.output_of("mkdir /srv/far && mount /dev/mapper/far /srv/far");
  // What is written without a path must need nothing that is yet to be read.
  shell.output_of("echo early >/srv/far/file && sync");
  shell.output_of("dmsetup message far 0 'fail_path 7:0'");
  shell.output_of("(echo later 1<>/srv/far/file) >/dev/null 2>&1 &");
  shell.start("dboot-inject --yes bash -- /bin/bash");
  Serial& console = host.console();
  console.expect("root@host:/# ", 180s);
  Shell new_shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  const std::string log = new_shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, ContainsRegex("mapping answers again device=dm-0 name=far by=fail_if_no_path"));
  EXPECT_THAT(log, HasSubstr("device taken apart device=dm-0 kind=\"device mapper\" name=far"));
  EXPECT_THAT(log, HasSubstr(" busy=0"));
}

/// The RAM root is filled by who is in a group of the old system, which pays for its memory.
TEST(Release, ControllersOfCgroupsOfVersion1AreFreeForAnInitThatWantsVersion2) {
  SmallHost host;
  Shell& shell = host.shell();
  const std::vector<std::string> controllers{"memory", "cpu,cpuacct", "cpuset", "pids", "devices"};
  shell.output_of("mount -t tmpfs tmpfs /sys/fs/cgroup");
  for (const auto& controller : controllers) {
    const auto directory = "/sys/fs/cgroup/" + controller;
    shell.output_of("mkdir " + directory + " && mount -t cgroup -o " + controller + " cgroup " +
                    directory);
    shell.output_of("mkdir -p " + directory + "/user.slice/session-1.scope");
    if (controller == "cpuset")
      shell.output_of(
          "for g in user.slice user.slice/session-1.scope; do for f in cpus mems; do "
          "cat " +
          directory + "/cpuset.$f >" + directory + "/$g/cpuset.$f; done; done");
    shell.output_of("echo $$ >" + directory + "/user.slice/session-1.scope/cgroup.procs");
    if (controller == "cpuset") continue;
    shell.output_of("mkdir " + directory + "/init.scope");
    shell.output_of("echo 1 >" + directory + "/init.scope/cgroup.procs");
  }
  host.take_over("--log-level debug", "sh");
  host.console().expect("^/ # ", 120s);
  host.console().send_line(
      "mkdir /groups && mount -t cgroup2 cgroup2 /groups && "
      "cat /groups/cgroup.controllers; cat /proc/cgroups");
  host.console().expect("^(?=.*cpuset)(?=.*cpu )(?=.*memory).*pids", 20s);
}

/// What is in swap is read back into memory, which is free only without the tmpfs.
TEST(Release, SwapGoesWhenTheTmpfsThatFillsMemoryHasGone) {
  // Before the disk, or compressed in memory (zswap).
  for (const std::string is_compressed : {"N", "Y"}) {
    SCOPED_TRACE(is_compressed);
    SmallHost host({.memory_mib = 256});
    Shell& shell = host.shell();
    shell.output_of("echo " + is_compressed + " >/sys/module/zswap/parameters/enabled");
    shell.output_of("mkswap /dev/vda && swapon /dev/vda");
    shell.output_of("mkdir /srv/full && mount -t tmpfs -o size=240M tmpfs /srv/full");
    shell.output_of("dd if=/dev/zero of=/srv/full/zeros bs=1M count=230", 120s);
    // Drives it into swap, so that there is memory for a new root.
    shell.output_of("mkdir /srv/other && mount -t tmpfs -o size=200M tmpfs /srv/other");
    shell.output_of("dd if=/dev/zero of=/srv/other/zeros bs=1M count=130", 120s);
    shell.output_of("umount /srv/other");
    host.take_over("--log-level debug", "sh");
    host.console().expect("^/ # ", 120s);
    host.console().send_line("cat /run/dboot/payload.log");
    const auto log = host.console().expect("hand-over finished");
    EXPECT_THAT(log, HasSubstr("debug release swap stays"));
    EXPECT_THAT(log, HasSubstr("swap detached area="));
    EXPECT_THAT(log, HasSubstr("released device=/dev/vda was=swap"));
  }
}

/// More in swap than there is memory: of the new root itself, so that nothing makes room for it.
TEST(Release, SwapThatDoesNotFitIsReportedAndNoFailure) {
  for (const bool is_required : {false, true}) {
    SCOPED_TRACE(is_required);
    SmallHost host({.memory_mib = 256});
    Shell& shell = host.shell();
    shell.output_of("mkswap /dev/vda && swapon /dev/vda");
    shell.output_of(
        "{ echo '#!/bin/sh'; echo 'dd if=/dev/zero of=/run/dboot/root/zeros bs=1M count=140'; "
        "echo 'dd if=/dev/zero of=/run/dboot/zeros bs=1M count=110'; } >/hook; chmod +x /hook");
    host.take_over("--hook before:release=/hook --on-failure reboot" +
                       std::string(is_required ? " --require-release" : ""),
                   "sh");
    if (is_required) {
      host.console().expect("not all disks are free, as --require-release asks for: /dev/vda",
                            240s);
      EXPECT_EQ(host.machine().wait_for_end(120s), "guest-reset");
      continue;
    }
    // There is no room for the record any more.
    const auto log = host.console().expect("hand-over finished", 240s);
    EXPECT_THAT(log, ContainsRegex("error release swap stays area=[^ ]*vda rounds=[0-9]+ "
                                   "used=[0-9]+ available=[0-9]+ reason="));
    EXPECT_THAT(log, HasSubstr("still busy device=/dev/vda was=swap held_by=swap"));
    EXPECT_THAT(log, HasSubstr("to_end_it=\"swapoff /dev/vda\""));
    EXPECT_THAT(log, HasSubstr("disks stay busy disks=1 busy=1"));
    host.console().expect("^/ # ", 60s);
  }
}

}  // namespace
}  // namespace dboot::machine
