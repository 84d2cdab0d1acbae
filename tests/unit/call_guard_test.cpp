#include "injector/rehearsal/call_guard.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

namespace dboot {
namespace {

using Kind = MountCall::Kind;

/// In a rehearsal: the host's root and a directory of it, hidden by one in memory.
const MountTable& mounts() {
  static const MountTable table = parse_mount_table(
      "22 1 254:1 / / ro - ext4 /dev/vda1 rw\n"
      "23 22 254:2 / /srv ro - ext4 /dev/vda2 rw\n"
      "24 22 254:2 / /home ro - ext4 /dev/vda2 rw\n"
      "25 24 0:90 / /home rw - tmpfs tmpfs rw\n"
      "26 22 0:91 / /proc rw - proc proc rw\n"
      "27 26 0:91 /sys /proc/sys ro - proc proc rw\n"
      "28 22 0:92 / /sys ro - sysfs sysfs rw\n");
  return table;
}

bool harms(const MountCall& call, const MountTable& table = mounts()) {
  return !harm_of(call, [&] { return table; }, {makedev(254, 1), makedev(254, 2)}).empty();
}

TEST(CallGuard, LetsNobodyRemountAFilesystemOfTheHost) {
  constexpr std::uint64_t change = MS_REMOUNT | MS_RDONLY;
  EXPECT_TRUE(harms({Kind::mount, "", "/", change}));
  EXPECT_TRUE(harms({Kind::mount, "", "/srv", change}));
  EXPECT_TRUE(harms({Kind::mount, "", "a path that nobody knows", change}));
  EXPECT_TRUE(harms({Kind::reconfigure, "", "/srv", 0}));
  EXPECT_FALSE(harms({Kind::mount, "", "/srv", change | MS_BIND | MS_RDONLY}));
  EXPECT_FALSE(harms({Kind::mount, "", "/home", change}));
  EXPECT_FALSE(harms({Kind::reconfigure, "", "/home", 0}));
}

/// What --keep brings in is read-only.
TEST(CallGuard, LetsNobodyMakeAMountOfTheHostWritable) {
  EXPECT_TRUE(harms({Kind::mount, "", "/srv", MS_REMOUNT | MS_BIND}));
  EXPECT_TRUE(harms({Kind::mount, "", "a path that nobody knows", MS_REMOUNT | MS_BIND}));
  EXPECT_FALSE(harms({Kind::mount, "", "/home", MS_REMOUNT | MS_BIND}));
  EXPECT_TRUE(harms({Kind::set_attributes, "", "/srv", MOUNT_ATTR_RDONLY}));
  EXPECT_FALSE(harms({Kind::set_attributes, "", "/srv", MOUNT_ATTR_NOSUID}));
  EXPECT_TRUE(harms({Kind::unmount, "", "/srv", MNT_FORCE}));
  EXPECT_FALSE(harms({Kind::unmount, "", "/home", MNT_FORCE}));
}

TEST(CallGuard, LetsNobodyUnmountTheRootOfTheHost) {
  EXPECT_TRUE(harms({Kind::unmount, "", "/", 0}));
  EXPECT_TRUE(harms({Kind::unmount, "", "/", MNT_FORCE}));
  EXPECT_FALSE(harms({Kind::unmount, "", "/", MNT_DETACH}));
  EXPECT_FALSE(harms({Kind::unmount, "", "/srv", 0}));
  EXPECT_FALSE(harms({Kind::unmount, "", "/.old-root", 0}));
  const auto after_the_pivot = parse_mount_table("30 1 0:91 / / rw - tmpfs dboot-root rw\n");
  EXPECT_FALSE(harms({Kind::unmount, "", "/", 0}, after_the_pivot));
}

TEST(CallGuard, LetsNobodyMountWhatIsTheMachines) {
  EXPECT_TRUE(harms({Kind::mount, "devtmpfs", "/dev", MS_NOSUID}));
  EXPECT_TRUE(harms({Kind::open_type, "efivarfs", "", 0}));
  EXPECT_FALSE(harms({Kind::open_type, "tmpfs", "", 0}));
  // Others look at no type.
  EXPECT_FALSE(harms({Kind::mount, "devtmpfs", "/srv", MS_BIND}));
  EXPECT_FALSE(harms({Kind::mount, "devtmpfs", "/", MS_REC | MS_PRIVATE}));
}

/// As mount(8) of old gives it: with the bits of MS_PRIVATE and MS_SLAVE.
TEST(CallGuard, TakesNoNoticeOfTheMagicNumber) {
  EXPECT_TRUE(harms({Kind::mount, "devtmpfs", "/dev", MS_MGC_VAL}));
  EXPECT_TRUE(harms({Kind::mount, "", "/srv", MS_MGC_VAL | MS_REMOUNT}));
  EXPECT_FALSE(harms({Kind::mount, "tmpfs", "/srv", MS_MGC_VAL}));
}

TEST(CallGuard, LetsNobodyUncoverTheFilesOfTheKernel) {
  for (const char* path : {"/sys", "/proc/sys"}) {
    EXPECT_TRUE(harms({Kind::mount, "", path, MS_REMOUNT | MS_BIND})) << path;
    EXPECT_TRUE(harms({Kind::mount, "", path, MS_REMOUNT})) << path;
    EXPECT_TRUE(harms({Kind::reconfigure, "", path, 0})) << path;
    EXPECT_FALSE(harms({Kind::mount, "", path, MS_REMOUNT | MS_BIND | MS_RDONLY})) << path;
  }
  EXPECT_TRUE(harms({Kind::unmount, "", "/proc/sys", MNT_DETACH}));
  EXPECT_TRUE(harms({Kind::mount, "proc", "/proc", 0}));
  EXPECT_TRUE(harms({Kind::mount, "sysfs", "/sys", 0}));
  EXPECT_FALSE(harms({Kind::mount, "proc", "/newroot/proc", 0}));
}

}  // namespace
}  // namespace dboot
