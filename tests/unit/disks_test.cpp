#include "injector/preflight/disks.hpp"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

namespace dboot::disks {
namespace {

TEST(Disks, EveryUseIsNamedWithWhatItLiesOn) {
  Storage storage;
  storage.devices = {{"vda", makedev(254, 0), "", {}, "", ""},
                     {"vda1", makedev(254, 1), "vda", {}, "", ""},
                     {"vdb", makedev(254, 16), "", {}, "", ""},
                     {"dm-0", makedev(253, 0), "", {"vdb"}, "", "vg-swap"}};
  storage.volumes = {{"vda1", "vdb"}};
  storage.mounts = parse_mount_table(
      "22 1 0:30 / / rw - btrfs /dev/vda1 rw\n"
      "23 22 0:31 / /pool rw - zfs pool rw\n");
  storage.swaps = {"/dev/mapper/vg-swap"};
  EXPECT_EQ(describe(DeviceGraph(storage)),
            "in use: btrfs on /: vda1 on vda; vdb\n"
            "in use: zfs on /pool: its disks are not known\n"
            "in use: swap: dm-0 (vg-swap) on vdb\n");
}

}  // namespace
}  // namespace dboot::disks
