// The disks of real servers: what lies on them is written out, clean and free, whatever it is made
// of. Each is made by one machine, used by a second one that is taken over, and checked by a third.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/disk.hpp"
#include "tests/machine/driver/host.hpp"

namespace dboot::machine {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Commands of a shell, in which $one and $two are the disks, and $key a passphrase.
struct Layout {
  const char* name;
  std::vector<const char*> disks;
  const char* make;      ///< from empty disks; leaves it in no use
  const char* assemble;  ///< what "make" has made
  const char* use;       ///< mounts it on /srv/data
  const char* check;     ///< says what is not clean
};

std::ostream& operator<<(std::ostream& out, const Layout& layout) {
  return out << layout.name;
}

constexpr const char* no_assembly = "true";
constexpr const char* check_ext4 =
    "clean_ext4() { e2fsck -fn $1 && ! dumpe2fs -h $1 2>&1 | grep needs_recovery; }; ";

const std::vector<Layout> layouts{
    {"ext4",
     {"one"},
     "printf 'label: gpt\n,64M,S\n,,L\n' | sfdisk -q $one && udevadm settle && "
     "mkswap $one-part1 && mkfs.ext4 -q $one-part2",
     no_assembly,
     "swapon $one-part1 && mount $one-part2 /srv/data",
     "clean_ext4 $one-part2"},
    {"xfs",
     {"one"},
     "mkfs.xfs -q $one",
     no_assembly,
     "mount $one /srv/data",
     "xfs_logprint -t $one | grep '<CLEAN>' && xfs_repair -n $one"},
    {"btrfs_of_two",
     {"one", "two"},
     "mkfs.btrfs -q -d raid1 -m raid1 $one $two",
     "btrfs device scan",
     "mount $one /srv/data",
     "btrfs check --readonly $one && btrfs inspect-internal dump-super $one | grep -E "
     "'^log_root\\s+0$'"},
    {"lvm",
     {"one", "two"},
     "pvcreate -q $one $two && vgcreate -q vg $one $two && lvcreate -q -y -n data -l 80%VG vg && "
     "lvcreate -q -y -n swap -L 32M vg && mkfs.ext4 -q /dev/vg/data && mkswap /dev/vg/swap && "
     "vgchange -q -an vg",
     "vgchange -q -ay vg",
     "swapon /dev/vg/swap && mount /dev/vg/data /srv/data",
     "clean_ext4 /dev/vg/data"},
    {"luks",
     {"one"},
     "encrypt $one && open $one data && mkfs.ext4 -q /dev/mapper/data && cryptsetup close data",
     "open $one data",
     "mount /dev/mapper/data /srv/data",
     "clean_ext4 /dev/mapper/data"},
    {"md_raid_1",
     {"one", "two"},
     "mirror /dev/md/both $one $two && mkfs.ext4 -q /dev/md/both && mdadm -q --stop /dev/md/both",
     "assemble both",
     "mount /dev/md/both /srv/data",
     "clean_ext4 /dev/md/both && clean_md"},
    {"lvm_on_luks_on_md",
     {"one", "two"},
     "mirror /dev/md/both $one $two && encrypt /dev/md/both && open /dev/md/both data && "
     "vgcreate -q vg /dev/mapper/data && lvcreate -q -y -n data -L 200M vg && "
     "lvcreate -q -y -n swap -L 32M vg && mkfs.ext4 -q /dev/vg/data && mkswap /dev/vg/swap && "
     "vgchange -q -an vg && cryptsetup close data && mdadm -q --stop /dev/md/both",
     "assemble both && open /dev/md/both data && vgchange -q -ay vg",
     "swapon /dev/vg/swap && mount /dev/vg/data /srv/data",
     "clean_ext4 /dev/vg/data && clean_md"},
    {"luks_on_lvm_on_md_on_loop",
     {"one"},
     "mkfs.ext4 -q $one && mount $one /srv/data && truncate -s 150M /srv/data/a /srv/data/b && "
     "losetup /dev/loop6 /srv/data/a && losetup /dev/loop7 /srv/data/b && "
     "mirror /dev/md/both /dev/loop6 /dev/loop7 && vgcreate -q vg /dev/md/both && "
     "lvcreate -q -y -n data -l 90%VG vg && encrypt /dev/vg/data && open /dev/vg/data data && "
     "mkfs.ext4 -q /dev/mapper/data && cryptsetup close data && vgchange -q -an vg && "
     "mdadm -q --stop /dev/md/both && losetup -d /dev/loop6 /dev/loop7 && umount /srv/data",
     "mkdir -p /srv/below && mount $one /srv/below && losetup /dev/loop6 /srv/below/a && "
     "losetup /dev/loop7 /srv/below/b && assemble both && vgchange -q -ay vg && "
     "open /dev/vg/data data",
     "mount /dev/mapper/data /srv/data",
     "clean_ext4 /dev/mapper/data && cryptsetup close data && vgchange -q -an vg && "
     "mdadm -q --stop /dev/md/both && losetup -d /dev/loop6 /dev/loop7 && umount /srv/below && "
     "clean_ext4 $one"},
    {"ext4_in_a_file_on_luks",
     {"one"},
     "encrypt $one && open $one below && mkfs.ext4 -q /dev/mapper/below && "
     "mount /dev/mapper/below /srv/data && truncate -s 200M /srv/data/file && "
     "mkfs.ext4 -q /srv/data/file && umount /srv/data && cryptsetup close below",
     "open $one below && mkdir -p /srv/below && mount /dev/mapper/below /srv/below",
     "mount -o loop /srv/below/file /srv/data",
     "clean_ext4 /srv/below/file && umount /srv/below && clean_ext4 /dev/mapper/below"},
};

/// What the commands of layouts are made of.
void prepare(Shell& shell, const Layout& layout) {
  shell.output_of("printf secret >/run/key; mkdir -p /srv/data");
  for (const std::string disk : layout.disks)
    shell.output_of(disk + "=/dev/disk/by-id/virtio-" + disk);
  shell.output_of(
      "encrypt() { cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "
      "--key-file /run/key $1; }; open() { cryptsetup open --key-file /run/key $1 $2; }");
  shell.output_of(
      "mirror() { mdadm -q --create $1 --run --assume-clean --metadata=1.2 --level=1 "
      "--raid-devices=2 $2 $3 && udevadm settle; }");
  // Who sees the disks come may have put it together already.
  shell.output_of(
      "assemble() { udevadm settle; test -e /dev/md/$1 || mdadm -q --assemble --scan; "
      "udevadm settle; test -e /dev/md/$1; }");
  shell.output_of(
      std::string(check_ext4) +
      "clean_md() { mdadm --examine $one $two | grep -c 'State : clean' | grep -x 2; }");
}

/// Disks, one file each.
class Disks {
 public:
  explicit Disks(const Layout& layout, const std::string& suffix) {
    for (const std::string name : layout.disks)
      files_.emplace_back(name,
                          std::make_unique<files::Scratch>(files::artefact(name + '-' + suffix)));
  }
  void lie_on(const std::vector<std::string>& bases) const {
    for (std::size_t index = 0; index < bases.size(); ++index)
      disk::make_overlay(bases[index], files_[index].second->path());
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> paths;
    for (const auto& [name, file] : files_) paths.push_back(file->path());
    return paths;
  }

 private:
  std::vector<std::pair<std::string, std::unique_ptr<files::Scratch>>> files_;
};

void plug_in(Host& host, const Layout& layout, const std::vector<std::string>& files) {
  for (std::size_t index = 0; index < files.size(); ++index) {
    const std::string name = layout.disks[index];
    host.machine().plug_in(name, files[index], Machine::Access::read_write);
    host.shell().output_of("udevadm wait --timeout=60 /dev/disk/by-id/virtio-" + name);
  }
}

/// With nothing of it in QEMU's hands any more.
void power_off(Host& host) {
  host.shell().start("sync; systemctl poweroff -ff");
  EXPECT_EQ(host.machine().wait_for_end(), "guest-shutdown");
}

/// The disks of a layout, made where they are missing or of another make.
std::vector<std::string> made(const Layout& layout, const std::string& size = "400M") {
  std::vector<std::string> made;
  std::string key = fs::canonical(files::host("")).string() + layout.make;
  for (const std::string disk : layout.disks)
    made.push_back(files::cache("layout-" + std::string(layout.name) + '-' + disk));
  const auto kept_key = files::cache("layout-" + std::string(layout.name) + ".key");
  if (sys::read_file_or_empty(kept_key) == key) return made;
  fs::remove(kept_key);
  for (const auto& file : made) disk::make_empty(file, size);
  Host host(Host::Console::serial);
  plug_in(host, layout, made);
  prepare(host.shell(), layout);
  host.shell().output_of(layout.make, 400s);
  power_off(host);
  std::ofstream(kept_key) << key;
  return made;
}

/// What a machine that was stopped has written, looked at by another one.
void expect_clean(const Layout& layout, const Disks& disks) {
  Disks copies(layout, "copy");
  const auto from = disks.paths();
  const auto to = copies.paths();
  for (std::size_t index = 0; index < from.size(); ++index)
    fs::copy_file(from[index], to[index], fs::copy_options::overwrite_existing);
  Host other(Host::Console::serial, "second-");
  plug_in(other, layout, to);
  prepare(other.shell(), layout);
  other.shell().output_of(layout.assemble, 120s);
  const auto checked = other.shell().run(layout.check, 120s);
  EXPECT_EQ(checked.status, 0) << checked.text;
}

class Layouts : public testing::TestWithParam<Layout> {};

TEST_P(Layouts, AreCleanAndFree) {
  const auto& layout = GetParam();
  const Disks disks(layout, "disk");
  disks.lie_on(made(layout));
  Host host(Host::Console::serial);
  plug_in(host, layout, disks.paths());
  Shell& shell = host.shell();
  prepare(shell, layout);
  shell.output_of(std::string(layout.assemble) + " && " + layout.use, 120s);
  // What is not yet written, and a file that stays open.
  shell.output_of("cp -a /usr/sbin /srv/data/ && (exec 3>/srv/data/open; sleep 1000) &");
  shell.start("dboot-inject --yes --require-release busybox -- /bin/sh");
  Serial& console = host.console();
  console.expect("hand-over starting executable=/bin/sh", 300s);
  Shell new_shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  const auto log = new_shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, AllOf(HasSubstr("old root released disks="), HasSubstr(" busy=0"),
                         Not(HasSubstr("still busy")), Not(HasSubstr("] error "))));
  host.qmp().execute("stop");
  expect_clean(layout, disks);
  host.qmp().execute("cont");
  for (const char* disk : {"vdb", "vdc"}) {
    if (disk == std::string("vdc") && layout.disks.size() == 1) break;
    new_shell.output_of(std::string("mke2fs -F /dev/") + disk, 120s);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Layouts, testing::ValuesIn(layouts),
                         [](const auto& layout) { return std::string(layout.param.name); });

/// As Debian's installer lays out an encrypted disk.
const Layout encrypted_root{
    "encrypted_root",
    {"one"},
    "printf 'label: gpt\n,100M,L\n,,L\n' | sfdisk -q $one && udevadm settle && "
    "mkfs.ext4 -q $one-part1 && encrypt $one-part2 && open $one-part2 crypt && "
    "vgcreate -q vg /dev/mapper/crypt && lvcreate -q -y -n swap -L 64M vg && "
    "lvcreate -q -y -n home -L 64M vg && lvcreate -q -y -n root -l 90%FREE vg && "
    "mkswap /dev/vg/swap && mkfs.ext4 -q /dev/vg/home && mkfs.ext4 -q /dev/vg/root && "
    "mount /dev/vg/root /srv/data && mkdir /srv/data/boot /srv/data/home && "
    "mount $one-part1 /srv/data/boot && mount /dev/vg/home /srv/data/home && "
    "tar --one-file-system --exclude=./var/lib/docker --exclude=./srv -C / -cf - . | "
    "tar -C /srv/data -xf - && mkdir /srv/data/srv && "
    "printf '/dev/vg/root / ext4 defaults 0 1\n/dev/vg/home /home ext4 defaults 0 2\n"
    "/dev/vda1 /boot ext4 defaults 0 2\n/dev/vg/swap none swap sw 0 0\n' >/srv/data/etc/fstab && "
    "ln -sf /dev/null /srv/data/etc/systemd/system/docker.service && "
    "umount -R /srv/data && vgchange -q -an vg && cryptsetup close crypt",
    "open $one-part2 crypt && vgchange -q -ay vg",
    "",
    "clean_ext4 /dev/vg/root && clean_ext4 /dev/vg/home && clean_ext4 $one-part1"};

/// The boot disk of a running server, to be repartitioned.
TEST(Disks, OfARootOnLvmOnLuksIsCleanAndFree) {
  const Disks disks(encrypted_root, "disk");
  disks.lie_on(made(encrypted_root, "2G"));
  Machine::Options options;
  options.kernel = files::host("vmlinuz");
  options.initramfs = files::host("initrd.img");
  options.command_line =
      "root=/dev/mapper/vg-root ro cryptopts=target=crypt,source=/dev/vda2 "
      "console=tty0 console=ttyS0";
  options.disk = disks.paths().front();
  options.second_disk = files::image("busybox");
  Machine machine(options);
  Serial& console = machine.console();
  console.expect("Please unlock disk crypt", 120s);
  console.send("secret\n");
  machine.line().expect("^root@host:~# ", 300s);
  Shell shell(machine.line());
  shell.take_over();
  install_programs(machine, shell);
  EXPECT_EQ(shell.output_of("findmnt -no SOURCE /"), "/dev/mapper/vg-root");
  EXPECT_EQ(shell.output_of("findmnt -no SOURCE /boot"), "/dev/vda1");
  EXPECT_EQ(shell.output_of("findmnt -no SOURCE /home"), "/dev/mapper/vg-home");
  shell.output_of("cat /dev/vdb >/opt/busybox.tar");
  shell.start("dboot-inject --yes --require-release /opt/busybox.tar -- /bin/sh");
  console.expect("hand-over starting executable=/bin/sh", 300s);
  Shell new_shell = open_shell(machine, [&](std::string_view line) { console.send(line); });
  const auto log = new_shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, AllOf(HasSubstr("released device=/dev/vda1 was=\"ext4 on /boot\""),
                         HasSubstr("name=vg-root"), HasSubstr("name=crypt"),
                         HasSubstr("released device=/dev/vda was="), HasSubstr(" busy=0"),
                         Not(HasSubstr("] error "))));
  machine.qmp().execute("stop");
  expect_clean(encrypted_root, disks);
  machine.qmp().execute("cont");
  // As udev would have left it.
  EXPECT_EQ(new_shell.output_of("ls /dev/mapper"), "control");
  new_shell.output_of("test ! -e /dev/vg && for name in /dev/disk/*/*; do test -e $name; done");
  new_shell.output_of("mke2fs -F /dev/vda", 120s);
}

TEST(Disks, OfAServerWithAContainerAndFiftyServicesAreCleanAndFree) {
  Host host(Host::Console::serial);
  Shell& shell = host.shell();
  shell.output_of(
      "mkdir -p /srv/volume && docker run --detach --network none --volume /srv/volume:/volume "
      "busybox "
      "sh -c 'exec >/volume/said; while echo here; do sleep 1; done'",
      120s);
  shell.output_of(
      "for number in $(seq 50); do systemd-run --quiet --unit=service-$number "
      "sh -c \"exec >/srv/said-$number; while echo here; do sleep 1; done\"; done",
      300s);
  EXPECT_EQ(shell.output_of("systemctl list-units --state=running 'service-*' --plain --no-legend "
                            "| wc -l"),
            "50");
  shell.start("dboot-inject --yes --require-release busybox -- /bin/sh");
  Serial& console = host.console();
  console.expect("hand-over starting executable=/bin/sh", 300s);
  Shell new_shell = open_shell(host.machine(), [&](std::string_view line) { console.send(line); });
  const auto log = new_shell.output_of("cat /run/dboot/payload.log");
  EXPECT_THAT(log, AllOf(HasSubstr("released device=/dev/vda1 was=\"ext4 on /\""),
                         HasSubstr(" busy=0"), Not(HasSubstr("] error "))));
  host.qmp().execute("stop");
  const auto checked = host.check_root();
  EXPECT_EQ(checked.status, 0) << checked.text;
  host.qmp().execute("cont");
  new_shell.output_of("mke2fs -F /dev/vda", 120s);
}

}  // namespace
}  // namespace dboot::machine
