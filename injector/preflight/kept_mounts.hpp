#pragma once

#include <string>
#include <vector>

#include "shared/devices/storage.hpp"

/// Mounts of the old system that the new one has, too (--keep).
namespace dboot::kept_mounts {

/// What is carried over of the `wanted` mount points, absolute paths without links: what lies below
/// another one goes with that. Throws Failure for what cannot be kept. Pure.
std::vector<std::string> chosen(const std::vector<std::string>& wanted, const MountTable& mounts);

/// What somebody may not expect of what is kept.
struct Remark {
  std::string what;
  std::string where;  ///< mount point
  std::string mend;

  bool operator==(const Remark&) const = default;
};
/// Pure.
std::vector<Remark> remarks_on(const std::vector<std::string>& chosen, const Storage& storage,
                               bool network_is_kept);

/// Of those that the command line names, in the mount namespace of `process`, a pid or "self";
/// warns of what is to be said. Throws Failure.
std::vector<std::string> find(const std::vector<std::string>& wanted, const std::string& process,
                              bool network_is_kept);

/// Makes the directories for them in the new root, where the image has none. Throws Failure where a
/// link or a file is in the way.
void make_places(int root, const std::vector<std::string>& mount_points);

}  // namespace dboot::kept_mounts
