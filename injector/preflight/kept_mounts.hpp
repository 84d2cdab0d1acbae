#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "injector/options.hpp"
#include "shared/devices/storage.hpp"

/// Mounts of the old system that the new one has, too (--keep).
namespace dboot::kept_mounts {

/// What is carried over of the `wanted` mount points, absolute paths without links: what lies below
/// another one goes with that. Throws Failure for what cannot be kept. Pure.
std::vector<std::string> chosen(const std::vector<std::string>& wanted, const MountTable& mounts);

/// What somebody may not expect of what is kept.
struct Remark {
  std::string what;   ///< of "it", the mount
  std::string where;  ///< its mount point
  std::string mend;
  bool keeps_old_root = false;  ///< the disk of that does not come free

  bool operator==(const Remark&) const = default;
};
/// Pure.
std::vector<Remark> remarks_on(const std::vector<std::string>& chosen, const Storage& storage,
                               bool network_is_kept);

struct Kept {
  std::vector<std::string> mount_points;
  std::vector<Remark> remarks;
};
/// Of those that the options name: in the mount namespace of PID 1, and for a rehearsal in that of
/// this process, which it has, too. Throws Failure for what cannot be kept, and for other options
/// that mean a file which a kept mount would hide.
Kept find(const Options& options);

/// Throws Failure when one of them is not mounted any more, in this process's mount namespace: a
/// takeover without it fails where there is no way back.
void require_still(const std::vector<std::string>& mount_points);

/// Throws Failure where a path of the new root lies on one of them, where nobody would find it.
/// `what`: what it is to the new system.
void refuse_hidden(std::string_view what, const std::string& path,
                   const std::vector<std::string>& kept);

/// Says what is to be remarked on.
void warn(const std::vector<Remark>& remarks);

/// Makes the directories for them in the new root, where the image has none. Throws Failure where a
/// link or a file is in the way.
void make_places(int root, const std::vector<std::string>& mount_points);

}  // namespace dboot::kept_mounts
