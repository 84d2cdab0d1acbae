#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace dboot::rootfs {

/// True for a name, in the directory with that inode number, that is not to be removed.
using Keep = std::function<bool(ino_t directory, const std::string& name)>;

/// Removes `name` in `parent` with everything below it, however deep, and never anything elsewhere:
/// no symlink is followed. What `keep` is true for stays, with the directories that lead there;
/// what is below a directory that stays is removed all the same. It may be missing. Throws
/// std::system_error.
void remove_tree(int parent, const std::string& name, const Keep& keep = {});

/// The same with everything in `directory`, but not itself.
void remove_content(int directory, const Keep& keep = {});

}  // namespace dboot::rootfs
