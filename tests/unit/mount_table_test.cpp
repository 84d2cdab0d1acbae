#include "shared/proc/mount_table.hpp"

#include <gmock/gmock.h>
#include <sys/sysmacros.h>

namespace dboot {
namespace {

std::vector<std::string> points(const MountTable& table) {
  std::vector<std::string> result;
  for (const auto& mount : table) result.push_back(mount.mount_point);
  return result;
}

TEST(MountTable, ParsesALineOfMountinfo) {
  const auto table = parse_mount_table(
      "36 35 98:7 /sub /mnt\\0402 rw,noatime shared:3 master:1 - ext3 /dev/root\\011x "
      "rw,errors=continue\n");
  ASSERT_EQ(table.size(), 1U);
  const auto& mount = table.front();
  EXPECT_EQ(mount.id, 36);
  EXPECT_EQ(mount.parent, 35);
  EXPECT_EQ(mount.device, makedev(98, 7));
  EXPECT_EQ(mount.root, "/sub");
  EXPECT_EQ(mount.mount_point, "/mnt 2");
  EXPECT_TRUE(mount.shared);
  EXPECT_EQ(mount.type, "ext3");
  EXPECT_EQ(mount.source, "/dev/root\tx");
  EXPECT_EQ(mount.settings, "rw,errors=continue");
}

TEST(MountTable, KnowsWhereAnOverlayWritesTo) {
  const auto table = parse_mount_table(
      "1 1 0:30 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/c\\040d\\054e,workdir=/e\n"
      "2 1 0:31 / /x ro - overlay overlay ro,lowerdir=/a:/b\n"
      "3 1 0:32 / /y rw - ext4 upperdir=/c rw,upperdir=/c\n");
  ASSERT_EQ(table.size(), 3U);
  EXPECT_EQ(upper_directory(table[0]), "/c d,e");
  EXPECT_EQ(upper_directory(table[1]), "");
  EXPECT_EQ(upper_directory(table[2]), "");
}

TEST(MountTable, PassesOverWhatIsNoMountinfo) {
  EXPECT_TRUE(
      parse_mount_table("\n1 2\nx y 1:2 / / rw - a b c\n36 35 98 / /mnt rw - ext3 a b\n").empty());
}

TEST(MountTable, MountWithoutSourceOrOptionalFieldsIsRead) {
  const auto table = parse_mount_table("1 1 0:1 / / rw - rootfs  rw\n");
  ASSERT_EQ(table.size(), 1U);
  EXPECT_EQ(table.front().source, "");
  EXPECT_FALSE(table.front().shared);
}

TEST(UnmountOrder, PutsWhatLiesOnAMountBeforeIt) {
  const auto table = parse_mount_table(
      "1 0 8:1 / / rw - ext4 a rw\n"
      "2 1 0:2 / /old rw - ext4 b rw\n"
      "3 2 0:3 / /old/proc rw - proc p rw\n"
      "4 2 0:4 / /old rw - tmpfs over rw\n"
      "5 4 0:5 / /old/x rw - tmpfs x rw\n"
      "6 1 0:6 / /older rw - tmpfs o rw\n");
  EXPECT_THAT(points(unmount_order(table, "/old")),
              testing::ElementsAre("/old/x", "/old", "/old/proc", "/old"));
}

TEST(UnmountOrder, OfTheRootTakesEverything) {
  const auto table = parse_mount_table(
      "1 1 8:1 / / rw - ext4 a rw\n"
      "7 1 0:2 / /b rw - ext4 b rw\n"
      "3 7 0:3 / /b/c rw - proc p rw\n");
  EXPECT_THAT(points(unmount_order(table, "/")), testing::ElementsAre("/b/c", "/b", "/"));
}

TEST(UnmountOrder, HasEveryMountOnceWhateverTheTableSays) {
  const auto order = [](const char* text) {
    return points(unmount_order(parse_mount_table(text), "/"));
  };
  EXPECT_THAT(order("1 1 8:1 / /own rw - ext4 a rw\n"), testing::ElementsAre("/own"));
  EXPECT_THAT(order("1 0 8:1 / / rw - ext4 a rw\n"
                    "1 0 8:1 / / rw - ext4 a rw\n"
                    "2 1 0:2 / /b rw - ext4 b rw\n"),
              testing::ElementsAre("/b", "/"));
  EXPECT_THAT(order("2 3 0:2 / /b rw - ext4 b rw\n3 2 0:3 / /c rw - ext4 c rw\n"),
              testing::ElementsAre());
}

TEST(UnmountOrder, TakesAsManyMountsOnEachOtherAsTheKernelAllows) {
  constexpr int mount_max = 100'000;  // proc_sys_fs(5)
  MountTable table(mount_max);
  for (int id = 0; id < mount_max; ++id) {
    auto& mount = table[static_cast<std::size_t>(id)];
    mount.id = id;
    mount.parent = id - 1;
    mount.mount_point = "/mnt";
  }
  const auto order = unmount_order(table, "/");
  ASSERT_EQ(order.size(), table.size());
  EXPECT_EQ(order.front().id, mount_max - 1);
  EXPECT_EQ(order.back().id, 0);
}

TEST(MountTable, HasWhatIsFoundAtAPathAndNotWhatIsHidden) {
  const auto table = parse_mount_table(
      "30 26 0:9 / /srv/below rw - tmpfs below rw\n"
      "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "25 22 0:7 / /srv rw - tmpfs first rw\n"
      "26 25 0:8 / /srv rw - tmpfs second rw\n"
      "27 22 0:9 / /mnt/below rw - tmpfs hidden rw\n"
      "28 22 0:10 / /mnt rw - tmpfs above rw\n");
  const auto source_at = [&](std::string_view path) {
    const auto* const mount = mounted_at(table, path);
    return mount == nullptr ? "none" : mount->source;
  };
  EXPECT_EQ(source_at("/"), "/dev/vda1");
  EXPECT_EQ(source_at("/srv"), "second");
  EXPECT_EQ(source_at("/srv/below"), "below");
  EXPECT_EQ(source_at("/mnt"), "above");
  EXPECT_EQ(source_at("/mnt/below"), "none");
  EXPECT_EQ(source_at("/sr"), "none");
}

TEST(MountTable, KnowsWhatMovesAlong) {
  const auto table = parse_mount_table(
      "30 26 0:9 / /srv/below rw - tmpfs below rw\n"
      "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "25 22 0:7 / /srv rw - autofs hidden rw\n"
      "26 25 0:8 / /srv rw - tmpfs seen rw\n"
      "31 30 0:10 / /srv/below/deep rw - tmpfs deep rw\n"
      "27 22 0:11 / /mnt rw - tmpfs other rw\n");
  EXPECT_EQ(moved_along(table, {"/srv"}), (std::set<int>{26, 30, 31}));
  EXPECT_EQ(moved_along(table, {"/srv/below", "/mnt"}), (std::set<int>{27, 30, 31}));
  EXPECT_EQ(moved_along(table, {"/nowhere"}), std::set<int>());
}

TEST(Mount, LiesOnADiskOrIsTheKernelsOrAnotherMachines) {
  const auto table = parse_mount_table(
      "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "23 22 0:30 / /pool rw - btrfs /dev/vdb rw\n"
      "24 22 0:5 / /dev rw - devtmpfs udev rw\n"
      "25 22 0:40 / /net rw - nfs4 server:/srv rw\n");
  std::vector<bool> on_disk;
  for (const auto& mount : table) on_disk.push_back(lies_on_disk(mount));
  EXPECT_THAT(on_disk, testing::ElementsAre(true, true, false, false));
}

}  // namespace
}  // namespace dboot
