#include "injector/engine/overlay_storage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "injector/unpack/beneath.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/system/syscalls.hpp"

// What Docker's overlay2 and Podman's overlay driver keep for a layer, below <root>/overlay2 or
// <root>/overlay (moby: daemon/graphdriver/overlay2/overlay.go; containers/storage:
// drivers/overlay/overlay.go):
//
//     <id>/diff    its files
//     <id>/link    a short name, of the symlink l/<short name> -> ../<id>/diff
//     <id>/lower   l/<short name>:l/… of the layers below it; absent for the lowest
//
// <id> is a random number for each layer that was ever stored.

namespace dboot::image {
namespace {

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool is_same(const UniqueFd& one, const UniqueFd& other) {
  struct stat a {};
  struct stat b {};
  return one && other && ::fstat(one.get(), &a) == 0 && ::fstat(other.get(), &b) == 0 &&
         a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

UniqueFd open_layer(const UniqueFd& root, const std::string& path) {
  if (!path.ends_with("/diff")) throw StorageOutOfReach(path + " is no layer of overlay2");
  UniqueFd fd = rootfs::try_open_beneath(root.get(), path, O_RDONLY | O_DIRECTORY);
  if (!fd) throw StorageOutOfReach(path + ": " + std::generic_category().message(errno));
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  // With userns-remap the engine keeps the files of the image's root as those of another user.
  if (status.st_uid != 0) throw StorageOutOfReach("the owners in " + path + " are mapped");
  return fd;
}

std::string read_note(const UniqueFd& root, const std::string& path) {
  const UniqueFd fd = rootfs::try_open_beneath(root.get(), path, O_RDONLY);
  if (!fd) throw StorageOutOfReach(path + ": " + std::generic_category().message(errno));
  // A page is the most that the kernel takes as options of a mount.
  std::string note(8192, '\0');
  const auto size = sys::check(::read(fd.get(), note.data(), note.size()), "read ", path);
  note.resize(static_cast<std::size_t>(size));
  while (note.ends_with('\n')) note.pop_back();
  return note;
}

void require_same(const UniqueFd& root, const std::string& link, const UniqueFd& layer) {
  if (!is_same(rootfs::try_open_beneath(root.get(), link, O_RDONLY | O_DIRECTORY), layer))
    throw StorageOutOfReach(link + " is another layer than the engine says");
}

/// Compares `link` and `lower` with what has been opened.
void check_notes(const UniqueFd& root, const std::string& top,
                 const std::vector<UniqueFd>& layers) {
  const std::string directory = parent_of(top);
  const std::string home = parent_of(directory);
  require_same(root, home + "/l/" + read_note(root, directory + "/link"), layers.front());
  if (layers.size() == 1) return;
  const std::string lower = read_note(root, directory + "/lower");
  std::size_t index = 1;
  for (std::size_t begin = 0; begin <= lower.size(); ++index) {
    const auto end = std::min(lower.find(':', begin), lower.size());
    if (index == layers.size()) throw StorageOutOfReach("the engine has more layers than it says");
    require_same(root, home + "/" + lower.substr(begin, end - begin), layers.at(index));
    begin = end + 1;
  }
  if (index != layers.size()) throw StorageOutOfReach("the engine has fewer layers than it says");
}

}  // namespace

UniqueFd open_root_of(pid_t process) {
  const std::string pid = std::to_string(process);
  if (process <= 0) throw StorageOutOfReach("the engine is in another PID namespace");
  // Otherwise the owners of its files are not the ones that the image means.
  if (namespace_of(pid, "user") != namespace_of("self", "user"))
    throw StorageOutOfReach("the engine is in another user namespace");
  UniqueFd root(::open(("/proc/" + pid + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root)
    throw StorageOutOfReach("the engine's root: " + std::generic_category().message(errno));
  return root;
}

std::vector<UniqueFd> open_storage(const EngineStorage& stored, pid_t process) {
  if (stored.directories.empty()) {
    throw StorageOutOfReach("its storage driver is " +
                            (stored.driver.empty() ? "not named" : stored.driver));
  }
  try {
    const UniqueFd root = open_root_of(process);
    std::vector<UniqueFd> layers;
    for (const auto& path : stored.directories) layers.push_back(open_layer(root, path));
    check_notes(root, stored.directories.front(), layers);
    return layers;
  } catch (const std::system_error& error) {
    throw StorageOutOfReach(error.what());
  }
}

}  // namespace dboot::image
