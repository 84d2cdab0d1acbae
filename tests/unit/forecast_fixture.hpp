#pragma once

#include <sys/sysmacros.h>

#include "shared/devices/storage.hpp"

namespace dboot::forecast {

/// vda with a partition, vdb with LVM on LUKS, vdc for an LVM that nobody has mounted, vdd for
/// nothing.
inline Storage storage_of_a_server() {
  Storage storage;
  storage.devices = {{"vda", makedev(254, 0), "", {}, "", ""},
                     {"vda1", makedev(254, 1), "vda", {}, "", ""},
                     {"vdb", makedev(254, 16), "", {}, "", ""},
                     {"vdc", makedev(254, 32), "", {}, "", ""},
                     {"vdd", makedev(254, 48), "", {}, "", ""},
                     {"dm-0", makedev(253, 0), "", {"vdb"}, "", "crypt"},
                     {"dm-1", makedev(253, 1), "", {"dm-0"}, "", "vg-swap"},
                     {"dm-2", makedev(253, 2), "", {"vdc"}, "", "vg-idle"}};
  storage.mounts = parse_mount_table(
      "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "23 22 0:31 / /pool rw - zfs pool rw\n"
      "24 22 0:32 / /run rw - tmpfs tmpfs rw\n"
      "25 24 0:32 / /mnt/again rw - tmpfs tmpfs rw\n"
      "29 24 0:35 / /run/user/0 rw - tmpfs tmpfs rw\n"
      "26 22 0:33 / /mnt/far rw - nfs4 server:/ rw\n"
      "27 22 0:34 / /mnt/sshfs rw - fuse.sshfs server: rw\n"
      "28 22 0:5 / /proc rw - proc proc rw\n");
  storage.swaps = {"/dev/mapper/vg-swap"};
  return storage;
}

}  // namespace dboot::forecast
