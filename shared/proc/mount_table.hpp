#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dboot {

/// One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)), octal escapes decoded.
struct Mount {
  int id = 0;
  int parent = 0;
  dev_t device = 0;         ///< st_dev of its files; 0:N for what has no block device of its own
  std::string root;         ///< what of the filesystem is mounted
  std::string mount_point;  ///< relative to the reader's root
  std::string options;      ///< per mount
  bool shared = false;      ///< has a propagation peer group
  std::string type;         ///< ext4, tmpfs, fuse.sshfs, …
  std::string source;       ///< /dev/vda1, tmpfs, …
  std::string settings;     ///< options per filesystem, with the kernel's escapes
};

using MountTable = std::vector<Mount>;

/// Parses the text of a mountinfo file; lines that are none are passed over.
MountTable parse_mount_table(std::string_view mountinfo);

/// The mount table of a process: a pid or "self". Throws std::system_error.
MountTable read_mount_table(const std::string& process = "self");

/// What somebody finds who goes to that absolute path: of mounts that lie on one another the upper
/// one. Null where none is there, or where it is hidden by one above it. Pure.
const Mount* mounted_at(const MountTable& table, std::string_view path);

/// The numbers of those that move along when what somebody finds at each of these paths is moved:
/// these and what is mounted on them. Pure.
std::set<int> moved_along(const MountTable& table, const std::vector<std::string>& paths);

/// The mounts at or below `directory` (an absolute path, "/" for all) in an order in which they can
/// be unmounted: no mount before one that lies on it. Parent links decide, for mounts hide one
/// another.
MountTable unmount_order(const MountTable& table, std::string_view directory);

/// Whether a path is that of the directory, or of something in it. Pure.
bool lies_in(std::string_view path, std::string_view directory);

/// Filesystems that lie on disks and have a device number of their own (0:N) all the same.
bool is_pool(std::string_view type);
/// Whether it has blocks on a disk, and is not the kernel's, in memory, or another machine's.
bool lies_on_disk(const Mount& mount);

/// Whether another machine, or a program, answers for what is in a filesystem of that type.
bool has_a_server(std::string_view type);

/// All that an overlay is made of, as far as the kernel shows it.
std::vector<std::string> directories_of_overlay(const Mount& mount);
/// The directory that an overlay writes to; empty for one that is read-only, and for others.
std::string upper_directory(const Mount& mount);

/// Decodes \ooo as /proc writes space, tab, newline and backslash in names (mountinfo, swaps).
std::string decode_octal(std::string_view field);

}  // namespace dboot
