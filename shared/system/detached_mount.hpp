#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shared/system/unique_fd.hpp"

/// Mounts without a place (fsopen(2), fsmount(2)): usable through their descriptor alone.
namespace dboot::detached_mount {

using Options = std::vector<std::pair<const char*, const char*>>;

/// A mount of that type, with MOUNT_ATTR_ flags, which is its source as well. Throws
/// std::system_error.
UniqueFd make(const std::string& type, unsigned attributes = 0, const Options& options = {});
/// Attaches it to the directory that is open as `directory` (move_mount(2)). Throws
/// std::system_error.
void attach(int mount, int directory);

}  // namespace dboot::detached_mount
