// Payloads of one's own, on a machine.
#include <gmock/gmock.h>

#include <stdexcept>

#include "tests/machine/driver/small_host.hpp"

namespace dboot::machine {
namespace {

using testing::HasSubstr;

void run(const std::string& script) {
  const auto result = run_program({"sh", "-c", "set -e\n" + script});
  if (result.status != 0) throw std::runtime_error(script + ": " + result.text);
}

/// The end of PID 1 is a panic, and the machine comes back.
TEST(OwnPayload, ThatEndsLeadsBackToTheDisk) {
  for (const std::string how : {"returns", "crashes", "is killed"}) {
    SmallHost host({.files = {files::program("odd-payload")}});
    EXPECT_EQ(host.shell().output_of("cat /proc/sys/kernel/panic"), "0");
    host.shell().output_of("echo " + how + " >/opt/how");
    host.machine().expect_panic();
    host.take_over("--payload /opt/odd-payload", "sh");
    host.console().expect("Kernel panic - not syncing: Attempted to kill init!", 60s);
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset") << how;
  }
}

/// With tools/examples/reinstall and that image of the host's.
void reinstall(SmallHost& host, const std::string& image, const std::string& disk) {
  host.take_over("--payload /opt/reinstall --on-failure reboot --copy " + image +
                     ":/disk.img -e REINSTALL_IMAGE=/disk.img -e REINSTALL_DISK=" + disk,
                 "true");
}

/// What is on the disk afterwards is the image, and boots.
TEST(OwnPayload, WritesAnImageToTheDiskOfTheOldSystemAndRebootsIntoIt) {
  const files::Scratch image(files::artefact("disk.img"));
  const files::Scratch compressed(image.path() + ".zst");
  const files::Scratch disk(files::artefact("target"));
  run("tree=$(mktemp -d); mkdir $tree/opt; tar -xf " + files::image("busybox") +
      " -C $tree\n"
      "mkdir -p $tree/etc $tree/proc $tree/sys $tree/dev\n"
      "echo 'ttyS1::respawn:/bin/sh -i' >$tree/etc/inittab\n"
      "echo installed >$tree/opt/system\n"
      "truncate -s 48M " +
      image.path() + "; mke2fs -q -t ext4 -d $tree " + image.path() +
      "\n"
      "zstd -q " +
      image.path() + "; rm -r $tree; truncate -s 64M " + disk.path());
  {
    SmallHost host({.second_disk = disk.path(),
                    .files = {files::program("../kit/build/reinstall"), compressed.path()}});
    host.shell().output_of("mke2fs -q /dev/vdb; mount -t ext4 /dev/vdb /srv");
    reinstall(host, "/opt/disk.img.zst", "vdb");
    host.console().expect("info reinstall reinstalled disk=vdb", 120s);
    EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
    EXPECT_THAT(host.console().text(), HasSubstr("info reinstall compared percent=100"));
  }
  run("cmp -n $(stat -c %s " + image.path() + ") " + image.path() + ' ' + disk.path());
  SmallHost installed({.root = "installed", .disk = disk.path()});
  EXPECT_EQ(installed.shell().output_of("cat /opt/system"), "installed");
}

/// As an image that is too large, or not there.
TEST(OwnPayload, WritesNothingWhereTheDiskHasNoRoom) {
  const files::Scratch image(files::artefact("large.img"));
  const files::Scratch compressed(image.path() + ".zst");
  run("truncate -s 300M " + image.path() + "; zstd -q " + image.path());
  SmallHost host(
      {.root = "disk", .files = {files::program("../kit/build/reinstall"), compressed.path()}});
  reinstall(host, "/opt/large.img.zst", "vda");
  host.console().expect("the image has 314572800 bytes, and vda has room for 268435456", 60s);
  EXPECT_EQ(host.machine().wait_for_end(), "guest-reset");
  EXPECT_EQ(host.file_on_disk("/etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
}

}  // namespace
}  // namespace dboot::machine
