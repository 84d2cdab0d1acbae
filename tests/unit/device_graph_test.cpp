#include "shared/devices/device_graph.hpp"

#include <gmock/gmock.h>
#include <sys/sysmacros.h>

#include "shared/devices/lasting.hpp"

namespace dboot {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Pair;

BlockDevice disk(const std::string& name, unsigned minor_number) {
  return {name, makedev(254, minor_number), "", {}, "", ""};
}
BlockDevice partition(const std::string& name, unsigned minor_number, const std::string& of) {
  return {name, makedev(254, minor_number), of, {}, "", ""};
}
BlockDevice mapped(unsigned number, const std::string& name, std::vector<std::string> slaves) {
  return {"dm-" + std::to_string(number), makedev(253, number), "", std::move(slaves), "", name};
}
BlockDevice loop(unsigned number, const std::string& file) {
  return {"loop" + std::to_string(number), makedev(7, number), "", {}, file, ""};
}

/// A disk with two partitions, and another disk.
std::vector<BlockDevice> two_disks() {
  return {disk("vda", 0), partition("vda1", 1, "vda"), partition("vda2", 2, "vda"),
          disk("vdb", 16)};
}

Storage storage(std::vector<BlockDevice> devices, const std::string& mountinfo,
                std::vector<std::string> swaps = {}) {
  return {std::move(devices), {}, parse_mount_table(mountinfo), {}, std::move(swaps)};
}

/// Name and use of each.
std::vector<std::pair<std::string, std::string>> used(const DeviceGraph& graph) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& [name, use] : graph.devices_in_use()) result.emplace_back(name, use);
  return result;
}

TEST(DeviceGraph, LeadsFromMountsAndSwapToTheDisk) {
  const DeviceGraph graph(storage(two_disks(),
                                  "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
                                  "23 22 0:5 / /dev rw - devtmpfs udev rw\n"
                                  "24 22 254:1 /srv /data rw - ext4 /dev/vda1 rw\n",
                                  {"/dev/vda2"}));
  EXPECT_THAT(used(graph), ElementsAre(Pair("vda1", "ext4 on /"), Pair("vda2", "swap"),
                                       Pair("vda", "below ext4 on /")));
  EXPECT_THAT(graph.holders("vda"), ElementsAre("/", "swap"));
  EXPECT_THAT(graph.holders("vdb"), IsEmpty());
}

TEST(DeviceGraph, KnowsTheSwapOfADevWhoseMountHasMoved) {
  for (const std::string area : {"/run/.old-root/dev/vda2", "/vda2"}) {
    const DeviceGraph graph(storage(two_disks(), "22 1 0:30 / / rw - tmpfs tmpfs rw\n", {area}));
    EXPECT_THAT(graph.holders("vda"), ElementsAre("swap")) << area;
  }
}

TEST(DeviceGraph, LeadsThroughLvmAndLuksToThePartition) {
  auto devices = two_disks();
  devices.push_back(mapped(0, "crypt", {"vda2"}));
  devices.push_back(mapped(1, "vg-root", {"dm-0"}));
  devices.push_back(mapped(2, "vg-swap", {"dm-0"}));
  const DeviceGraph graph(storage(devices, "22 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n",
                                  {"/dev/mapper/vg-swap"}));
  EXPECT_THAT(
      used(graph),
      ElementsAre(Pair("dm-1", "ext4 on /"), Pair("dm-2", "swap"), Pair("dm-0", "below ext4 on /"),
                  Pair("vda2", "below ext4 on /"), Pair("vda", "below ext4 on /")));
  EXPECT_EQ(graph.chain("dm-1"), "dm-1 (vg-root) on dm-0 (crypt) on vda2 on vda");
  EXPECT_THAT(graph.holders("vda2"), ElementsAre("dm-0"));
  EXPECT_THAT(graph.holders("dm-1"), ElementsAre("/"));
}

TEST(DeviceGraph, KnowsEveryMemberOfABtrfs) {
  auto state = storage(two_disks(),
                       "22 1 0:30 /@ / rw - btrfs /dev/vda1 rw\n"
                       "24 22 0:31 /@home /home rw - btrfs /dev/vdb rw\n");
  state.volumes = {{"vda1", "vdb"}};
  const DeviceGraph graph(std::move(state));
  EXPECT_THAT(graph.uses(), ElementsAre(Field(&DeviceGraph::Use::where, "/")));
  EXPECT_THAT(used(graph), ElementsAre(Pair("vda1", "btrfs on /"), Pair("vdb", "btrfs on /"),
                                       Pair("vda", "below btrfs on /")));
}

TEST(DeviceGraph, FindsABtrfsOnLvmByTheNameOfItsMapping) {
  auto devices = two_disks();
  devices.push_back(mapped(0, "vg-root", {"vda2"}));
  auto state = storage(devices, "22 1 0:30 / / rw - btrfs /dev/mapper/vg-root rw\n");
  state.volumes = {{"dm-0"}};
  EXPECT_THAT(used(DeviceGraph(std::move(state))),
              ElementsAre(Pair("dm-0", "btrfs on /"), Pair("vda2", "below btrfs on /"),
                          Pair("vda", "below btrfs on /")));
}

TEST(DeviceGraph, LeadsThroughFilesToTheDiskTheyAreOn) {
  auto devices = two_disks();
  devices.push_back(loop(0, "/srv/image"));
  const DeviceGraph graph(storage(devices,
                                  "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
                                  "23 22 254:16 / /srv rw - xfs /dev/vdb rw\n"
                                  "24 22 7:0 / /mnt ro - squashfs /dev/loop0 ro\n",
                                  {"/srv-of-another/swapfile"}));
  EXPECT_THAT(graph.below("loop0"), ElementsAre("vdb"));
  EXPECT_THAT(graph.holders("vdb"), ElementsAre("/srv", "loop0"));
  // "/srv-of-another" is not in "/srv".
  EXPECT_THAT(graph.uses().back().devices, ElementsAre("vda1"));
}

TEST(DeviceGraph, TellsWhatSomeOfTheMountsLieOn) {
  auto devices = two_disks();
  devices.push_back(loop(0, "/srv/file"));
  const DeviceGraph graph(storage(std::move(devices),
                                  "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
                                  "23 22 254:16 / /srv rw - ext4 /dev/vdb rw\n"
                                  "24 22 7:0 / /loop rw - ext4 /dev/loop0 rw\n"
                                  "25 22 0:40 / /layers rw - overlay overlay "
                                  "rw,lowerdir=/srv/a:/srv/b,upperdir=/c,workdir=/w\n"));
  EXPECT_THAT(graph.devices_below({22}), ElementsAre("vda", "vda1"));
  EXPECT_THAT(graph.devices_below({24}), ElementsAre("loop0", "vdb"));
  EXPECT_THAT(graph.devices_below({25}), ElementsAre("vda", "vda1", "vdb"));
  EXPECT_THAT(graph.devices_below({}), IsEmpty());
}

/// What is written to the origin of a snapshot goes through it.
TEST(DeviceGraph, HasSnapshotsBelowWhatTheyAreOf) {
  auto devices = two_disks();
  devices.push_back(mapped(0, "vg-srv-real", {"vdb"}));
  devices.push_back(mapped(1, "vg-srv", {"dm-0"}));
  devices.push_back(mapped(2, "vg-old-cow", {"vdb"}));
  devices.push_back(mapped(3, "vg-old", {"dm-0", "dm-2"}));
  devices.push_back(mapped(4, "vg-other", {"vdb"}));
  const DeviceGraph graph(
      storage(std::move(devices), "22 1 253:1 / /srv rw - ext4 /dev/mapper/vg-srv rw\n"));
  EXPECT_THAT(graph.devices_below({22}), ElementsAre("dm-0", "dm-1", "dm-2", "dm-3", "vdb"));
}

TEST(DeviceGraph, NamesBothHalvesOfAMirror) {
  auto devices = two_disks();
  devices.push_back(partition("vdb1", 17, "vdb"));
  devices.push_back({"md0", makedev(9, 0), "", {"vda1", "vdb1"}, "", ""});
  const DeviceGraph graph(storage(devices, "22 1 9:0 / / rw - ext4 /dev/md0 rw\n"));
  EXPECT_EQ(graph.chain("md0"), "md0 on [vda1 on vda] and [vdb1 on vdb]");
}

TEST(DeviceGraph, TheLoopDeviceOfALiveSystemThatSeemsToLieOnItselfIsNoEndlessChain) {
  const DeviceGraph graph(storage({loop(0, "/live/filesystem.squashfs")},
                                  "22 1 7:0 / / ro - squashfs /dev/loop0 ro\n"));
  EXPECT_EQ(graph.chain("loop0"), "loop0 on loop0");
  EXPECT_THAT(used(graph), ElementsAre(Pair("loop0", "squashfs on /")));
  EXPECT_THAT(graph.holders("loop0"), ElementsAre("/", "loop0"));
}

TEST(DeviceGraph, APoolWithoutKnownDisksIsAUseAndWhatHasNoneIsNone) {
  const DeviceGraph graph(storage(two_disks(),
                                  "22 1 0:30 / / rw - zfs rpool/root rw\n"
                                  "23 22 0:31 / /tmp rw - tmpfs tmpfs rw\n"
                                  "24 22 0:32 / /net rw - nfs4 server:/srv rw\n"));
  ASSERT_EQ(graph.uses().size(), 1U);
  EXPECT_EQ(graph.uses()[0].text(), "zfs on /");
  EXPECT_THAT(graph.uses()[0].devices, IsEmpty());
}

TEST(DeviceGraph, NodesHaveSlashesWhereSysfsHasNone) {
  EXPECT_EQ(node_of("cciss!c0d0"), "cciss/c0d0");
  BlockDevice array = disk("cciss!c0d0", 3);
  auto state = storage({array}, "22 1 0:30 / / rw - btrfs /dev/cciss/c0d0 rw\n");
  EXPECT_THAT(used(DeviceGraph(std::move(state))), ElementsAre(Pair("cciss!c0d0", "btrfs on /")));
}

TEST(DeviceGraph, KnowsWhatOnlyOtherMountNamespacesHave) {
  auto of_server = storage(two_disks(), "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n");
  of_server.elsewhere = parse_mount_table(
      "41 40 254:16 / /data rw - ext4 /dev/vdb rw\n"
      "42 40 254:1 / / rw - ext4 /dev/vda1 rw\n");
  const DeviceGraph graph(of_server);
  EXPECT_THAT(used(graph), ElementsAre(Pair("vda1", "ext4 on /"), Pair("vdb", "ext4 on /data"),
                                       Pair("vda", "below ext4 on /")));
}

/// A file of a btrfs has a number that is no device's.
TEST(DeviceGraph, TellsByWhatUsersOfADeviceAreKnown) {
  const DeviceGraph graph(storage(two_disks(),
                                  "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
                                  "23 22 0:31 / /data rw - btrfs /dev/vda2 rw\n"
                                  "24 23 254:1 /x /data/x rw - ext4 /dev/vda1 rw\n"));
  EXPECT_THAT(graph.traces("vda1").numbers, ElementsAre(makedev(254, 1)));
  EXPECT_THAT(graph.traces("vda1").mounts, ElementsAre(22U, 24U));
  EXPECT_THAT(graph.traces("vda").numbers,
              ElementsAre(makedev(0, 31), makedev(254, 0), makedev(254, 1), makedev(254, 2)));
  EXPECT_THAT(graph.traces("vda").mounts, ElementsAre(22U, 23U, 24U));
  EXPECT_THAT(graph.traces("vdb").numbers, ElementsAre(makedev(254, 16)));
}

/// A virtual machine, or a target of iSCSI, may have them.
TEST(DeviceGraph, HasWhatIsStackedAndInNoUse) {
  auto devices = two_disks();
  devices.push_back(mapped(0, "vg-idle", {"vdb"}));
  const DeviceGraph graph(storage(std::move(devices), "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"));
  EXPECT_THAT(used(graph), ElementsAre(Pair("vda1", "ext4 on /"), Pair("vda", "below ext4 on /"),
                                       Pair("dm-0", "in no use"), Pair("vdb", "below in no use")));
}

/// Anybody may call it what he likes.
TEST(DeviceGraph, BelievesNoSourceButThatOfAPool) {
  const DeviceGraph graph(storage(two_disks(),
                                  "22 1 0:30 / /tmp rw - tmpfs /dev/vda1 rw\n"
                                  "23 1 0:31 / /data rw - bcachefs /dev/vda2:/dev/vdb rw\n"));
  EXPECT_THAT(used(graph),
              ElementsAre(Pair("vda2", "bcachefs on /data"), Pair("vdb", "bcachefs on /data"),
                          Pair("vda", "below bcachefs on /data")));
}

TEST(DeviceGraph, HasPoolsThatAreImportedAndMountedNowhere) {
  auto of_server = storage(two_disks(), "22 1 0:30 / /srv rw - zfs tank/data rw\n");
  of_server.pools = {"tank", "backup"};
  std::vector<std::string> uses;
  const DeviceGraph graph(of_server);
  for (const auto& use : graph.uses()) uses.push_back(use.text());
  EXPECT_THAT(uses, ElementsAre("zfs on /srv", "zfs on the pool backup"));
}

std::string how_to_end(const BlockDevice& device) {
  const auto found = lasting(device);
  return found ? std::string(found->kind) + ": " + found->to_end_it : "goes";
}

TEST(Lasting, IsWhatTheKernelGoesOnWith) {
  EXPECT_EQ(how_to_end({"bcache0", 0, "", {"vda"}, "", ""}),
            "bcache: echo 1 >/sys/block/bcache0/bcache/stop");
  EXPECT_EQ(how_to_end({"drbd7", 0, "", {"vda"}, "", ""}), "drbd: drbdadm down all");
  EXPECT_EQ(how_to_end({"zd16", 0, "", {}, "", ""}), "zfs: zpool export -a");
  EXPECT_EQ(how_to_end({"nbd3", 0, "", {}, "", "", "", true}), "nbd: nbd-client -d /dev/nbd3");
  EXPECT_EQ(how_to_end({"rbd0", 0, "", {}, "", "", "", true}), "rbd: rbd unmap /dev/rbd0");
  EXPECT_EQ(how_to_end({"sda", 0, "", {}, "", "", "2"}), "iscsi: iscsiadm -m session -r 2 -u");
}

TEST(Lasting, IsNothingThatGoesWithItsUsers) {
  EXPECT_EQ(how_to_end(disk("vda", 0)), "goes");
  EXPECT_EQ(how_to_end({"nbd3", 0, "", {}, "", ""}), "goes");  // of no connection
  EXPECT_EQ(how_to_end({"bcache0p1", 0, "bcache0", {}, "", ""}), "goes");
  EXPECT_EQ(how_to_end({"sda1", 0, "sda", {}, "", "", "2"}), "goes");
  EXPECT_EQ(how_to_end(mapped(0, "crypt", {"vda2"})), "goes");
}

}  // namespace
}  // namespace dboot
