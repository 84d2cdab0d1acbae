#include "injector/forecast/disks.hpp"
#include "injector/forecast/mounts.hpp"

#include <gmock/gmock.h>

#include "tests/unit/forecast_fixture.hpp"

namespace dboot::forecast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts_of(const std::vector<DiskUse>& uses) {
  std::vector<std::string> texts;
  for (const auto& use : uses) texts.push_back(use.text());
  return texts;
}

std::vector<std::string> texts_of(const std::vector<Stacked>& stack) {
  std::vector<std::string> texts;
  for (const auto& stacked : stack) texts.push_back(stacked.text());
  return texts;
}

TEST(Forecast, DiskIsReleasedUnlessSomethingOnItStays) {
  const auto disks = disks_of(DeviceGraph(storage_of_a_server()));
  ASSERT_EQ(disks.disks.size(), 3U);
  EXPECT_EQ(disks.disks[0].name, "vda");
  EXPECT_TRUE(disks.disks[0].is_released());
  EXPECT_THAT(texts_of(disks.disks[0].uses), ElementsAre("ext4 on /: vda1 on vda"));
  EXPECT_EQ(disks.disks[1].name, "vdb");
  EXPECT_TRUE(disks.disks[1].is_released());
  EXPECT_THAT(texts_of(disks.disks[1].taken_apart),
              ElementsAre("dm-0 (crypt), device mapper", "dm-1 (vg-swap), device mapper"));
  EXPECT_THAT(texts_of(disks.disks[1].uses),
              ElementsAre("swap: dm-1 (vg-swap) on dm-0 (crypt) on vdb"));
  EXPECT_EQ(disks.disks[2].name, "vdc");
  EXPECT_THAT(texts_of(disks.disks[2].taken_apart), ElementsAre("dm-2 (vg-idle), device mapper"));
  EXPECT_THAT(disks.disks[2].uses, IsEmpty());
  EXPECT_THAT(texts_of(disks.elsewhere), ElementsAre("zfs on /pool"));
}

TEST(Forecast, DiskOfWhatIsKeptStaysInUse) {
  auto storage = storage_of_a_server();
  for (const auto& mount : parse_mount_table("40 22 253:2 / /srv rw - ext4 /dev/mapper/vg-idle rw\n"
                                             "41 22 254:48 / /mnt rw - ext4 /dev/vdd rw\n"))
    storage.mounts.push_back(mount);
  const auto disks = disks_of(DeviceGraph(storage), moved_along(storage.mounts, {"/srv"}));
  std::vector<std::string> kept;
  for (const auto& disk : disks.disks) {
    EXPECT_NE(disk.is_kept(), disk.is_released()) << disk.name;
    if (disk.is_kept()) kept.push_back(disk.name);
  }
  EXPECT_THAT(kept, ElementsAre("vdc"));
  for (const auto& disk : disks.disks) {
    if (disk.name != "vdc") continue;
    EXPECT_THAT(texts_of(disk.uses), ElementsAre("ext4 on /srv: dm-2 (vg-idle) on vdc"));
    EXPECT_THAT(disk.taken_apart, IsEmpty());
  }
  EXPECT_EQ(mounts_of(storage.mounts, moved_along(storage.mounts, {"/srv"})).count,
            storage.mounts.size() - 1);
}

TEST(Forecast, DiskOfACacheStays) {
  Storage storage;
  storage.devices = {{"bcache0", makedev(252, 0), "", {"vda"}, "", ""},
                     {"vda", makedev(254, 0), "", {}, "", ""}};
  storage.mounts = parse_mount_table("22 1 252:0 / / rw - ext4 /dev/bcache0 rw\n");
  const auto disks = disks_of(DeviceGraph(storage));
  ASSERT_EQ(disks.disks.size(), 1U);
  EXPECT_FALSE(disks.disks[0].is_released());
  EXPECT_THAT(texts_of(disks.disks[0].kept_by),
              ElementsAre("bcache0, bcache (to end it: echo 1 >/sys/block/bcache0/bcache/stop)"));
}

TEST(Forecast, DiskOnTheNetworkIsReleasedAndItsConnectionStays) {
  Storage storage;
  storage.devices = {{"nbd0", makedev(43, 0), "", {}, "", "", "", true},
                     {"sda", makedev(8, 0), "", {}, "", "", "3"},
                     {"sda1", makedev(8, 1), "sda", {}, "", "", "3"}};
  storage.mounts = parse_mount_table(
      "22 1 43:0 / / rw - ext4 /dev/nbd0 rw\n"
      "23 22 8:1 / /data rw - xfs /dev/sda1 rw\n");
  const auto disks = disks_of(DeviceGraph(storage));
  ASSERT_EQ(disks.disks.size(), 2U);
  EXPECT_TRUE(disks.disks[0].is_released());
  ASSERT_TRUE(disks.disks[0].connection);
  EXPECT_EQ(disks.disks[0].connection->to_end_it, "nbd-client -d /dev/nbd0");
  ASSERT_TRUE(disks.disks[1].connection);
  EXPECT_EQ(disks.disks[1].connection->kind, "iscsi");
  EXPECT_EQ(reason_for_busy_disks(disks), "");
}

TEST(Forecast, NamesWhatKeepsDisksWithTheCommandThatEndsIt) {
  Storage storage = storage_of_a_server();
  storage.devices.push_back({"drbd1", makedev(147, 1), "", {"vdd"}, "", ""});
  EXPECT_EQ(reason_for_busy_disks(disks_of(DeviceGraph(storage))),
            "vdd is kept by drbd1, drbd (to end it: drbdadm down all); "
            "the disks of zfs on /pool are not known (to end it: zpool export -a)");
}

TEST(Forecast, EachDiskOfOneFilesystemHasItsOwnWay) {
  Storage storage;
  storage.devices = {{"vda", makedev(254, 0), "", {}, "", ""},
                     {"vda1", makedev(254, 1), "vda", {}, "", ""},
                     {"vdb", makedev(254, 16), "", {}, "", ""},
                     {"md0", makedev(9, 0), "", {"vdc", "vdd"}, "", ""},
                     {"md0p1", makedev(259, 0), "md0", {}, "", ""},
                     {"vdc", makedev(254, 32), "", {}, "", ""},
                     {"vdd", makedev(254, 48), "", {}, "", ""}};
  storage.volumes = {{"vda1", "vdb"}};
  storage.mounts = parse_mount_table(
      "22 1 0:30 / / rw - btrfs /dev/vda1 rw\n"
      "23 22 259:0 / /raid rw - xfs /dev/md0p1 rw\n");
  const auto disks = disks_of(DeviceGraph(storage));
  std::vector<std::string> all;
  for (const auto& disk : disks.disks) {
    for (const auto& use : disk.uses) all.push_back(disk.name + ": " + use.text());
    for (const auto& text : texts_of(disk.taken_apart)) all.push_back(disk.name + ": " + text);
  }
  EXPECT_THAT(all, ElementsAre("vda: btrfs on /: vda1 on vda", "vdb: btrfs on /: vdb",
                               "vdc: xfs on /raid: md0p1 on md0 on vdc", "vdc: md0, md",
                               "vdd: xfs on /raid: md0p1 on md0 on vdd", "vdd: md0, md"));
}

/// However many ways there are.
TEST(Forecast, TellsOneWayToADisk) {
  Storage storage;
  storage.devices = {{"vda", makedev(254, 0), "", {}, "", ""}};
  std::string below = "vda";
  constexpr unsigned layers = 30;
  for (unsigned layer = 0; layer < layers; ++layer) {
    const auto name = [&](unsigned number) { return "dm-" + std::to_string(3 * layer + number); };
    storage.devices.push_back({name(0), makedev(253, 3 * layer), "", {below}, "", ""});
    storage.devices.push_back({name(1), makedev(253, 3 * layer + 1), "", {below}, "", ""});
    below = name(2);
    storage.devices.push_back({below, makedev(253, 3 * layer + 2), "", {name(0), name(1)}, "", ""});
  }
  storage.mounts = parse_mount_table("22 1 253:89 / /srv rw - ext4 /dev/dm-89 rw\n");
  const DeviceGraph graph(storage);
  const auto disks = disks_of(graph);
  ASSERT_EQ(disks.disks.size(), 1U);
  ASSERT_EQ(disks.disks[0].uses.size(), 1U);
  EXPECT_EQ(disks.disks[0].uses[0].layers.size(), 2 * layers + 1);
  EXPECT_LT(graph.chain("dm-89").size(), 4000U);
}

TEST(Forecast, LoopDeviceMayShowABlockDevice) {
  Storage storage;
  storage.devices = {{"vda", makedev(254, 0), "", {}, "", ""},
                     {"loop0", makedev(7, 0), "", {}, "/dev/vda", ""}};
  storage.mounts = parse_mount_table(
      "21 1 0:5 / /dev rw - devtmpfs udev rw\n"
      "22 1 7:0 / /srv rw - ext4 /dev/loop0 rw\n");
  const auto disks = disks_of(DeviceGraph(storage));
  ASSERT_EQ(disks.disks.size(), 1U);
  EXPECT_THAT(texts_of(disks.disks[0].uses), ElementsAre("ext4 on /srv: loop0 on vda"));
}

TEST(Forecast, LoopDeviceThatSeemsToLieOnItselfIsTheDisk) {
  Storage storage;
  storage.devices = {{"loop0", makedev(7, 0), "", {}, "/live.squashfs", ""}};
  storage.mounts = parse_mount_table("22 1 7:0 / / ro - squashfs /dev/loop0 ro\n");
  const auto disks = disks_of(DeviceGraph(storage));
  ASSERT_EQ(disks.disks.size(), 1U);
  EXPECT_EQ(disks.disks[0].name, "loop0");
  EXPECT_THAT(texts_of(disks.disks[0].uses), ElementsAre("squashfs on /: loop0"));
}

}  // namespace
}  // namespace dboot::forecast
