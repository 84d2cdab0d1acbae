#pragma once

#include <string>

#include "shared/unique_fd.hpp"

/// Mounts without a place (fsopen(2), fsmount(2)): usable through their descriptor alone.
namespace dboot::detached_mount {

/// A mount of that type without options. Throws std::system_error.
UniqueFd make(const std::string& type);
/// move_mount(2). Throws std::system_error.
void attach(int mount, const char* directory);

}  // namespace dboot::detached_mount
