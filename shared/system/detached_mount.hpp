#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/system/unique_fd.hpp"

/// Mounts without a place (fsopen(2), fsmount(2)): usable through their descriptor alone.
namespace dboot::detached_mount {

/// Names and values of mount options. Without a value: a flag.
using Options = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// A mount of that type, with MOUNT_ATTR_ flags. Its source is the type, unless that is among the
/// options. Throws std::system_error.
UniqueFd make(const std::string& type, unsigned attributes = 0, const Options& options = {});
/// Attaches it to the directory that is open as `directory` (move_mount(2)). Throws
/// std::system_error.
void attach(int mount, int directory);

}  // namespace dboot::detached_mount
