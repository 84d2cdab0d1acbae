#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/system/unique_fd.hpp"

/// Paths inside a root directory that is not the process's own: no symlink and no ".." leads out of
/// it, and absolute links are relative to it (openat2(2), RESOLVE_IN_ROOT).
namespace dboot::rootfs {

/// open(2) in `root_fd`. Empty with errno set on failure.
UniqueFd try_open_beneath(int root_fd, const std::string& path, int flags, unsigned mode = 0);
/// The same; throws std::system_error.
UniqueFd open_beneath(int root_fd, const std::string& path, int flags, unsigned mode = 0);

/// Opens the directory at `path` (O_PATH), making it and its parents with mode 0755 where they are
/// missing: `made` is told each of them, with its parent. Throws std::system_error.
UniqueFd make_directories_beneath(
    int root_fd, const std::string& path,
    const std::function<void(int parent, const std::string& name)>& made = {});

/// Every path, without symlinks in it, that the look-up of `path` goes through, the last one
/// included: /bin, /usr, /usr/bin, /usr/bin/sh for /bin/sh where /bin is a symlink. What is missing
/// is taken as it is written. Throws std::system_error when it cannot be followed.
std::vector<std::string> way_beneath(int root_fd, const std::string& path);

/// The absolute path inside the root, without symlinks and dots, of something that exists; empty
/// when it does not or cannot be followed. At most 40 symlinks, as the kernel.
std::optional<std::string> canonical_beneath(int root_fd, const std::string& path);

}  // namespace dboot::rootfs
