#include "injector/unpack/overlay.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <unordered_map>

#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr std::uint64_t inside = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

/// The prefixes under which overlayfs keeps its notes; the second one with the option userxattr.
constexpr const char* prefixes[] = {"trusted.overlay.", "user.overlay."};

struct stat status_of(int directory, const std::string& name) {
  struct stat status {};
  sys::check(::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "stat ", name);
  return status;
}

/// Whether nothing below is to be seen through this directory.
bool is_opaque(const UniqueFd& fd, const std::vector<std::string>& xattrs,
               const std::string& path) {
  for (const std::string prefix : prefixes) {
    if (std::find(xattrs.begin(), xattrs.end(), prefix + "opaque") == xattrs.end()) continue;
    // "y" is all that container engines write. "x" says that whiteouts may be xattrs.
    std::array<char, 8> value{};
    const ssize_t size =
        ::fgetxattr(fd.get(), (prefix + "opaque").c_str(), value.data(), value.size());
    if (size == 1 && value.front() == 'y') return true;
    throw NeedsOverlayfs("directory /" + path + " is opaque in an unknown way");
  }
  return false;
}

}  // namespace

void refuse_what_overlayfs_assembles(const std::vector<std::string>& xattrs,
                                     const std::string& path) {
  for (const auto& xattr : xattrs) {
    // What containers/storage keeps where it cannot give files their owners and modes.
    if (xattr.starts_with("user.fuseoverlayfs.") || xattr == "user.containers.override_stat")
      throw NeedsOverlayfs("/" + path + " has " + xattr);
    for (const std::string prefix : prefixes) {
      for (const char* note : {"redirect", "metacopy", "whiteout", "whiteouts"}) {
        if (xattr == prefix + note) throw NeedsOverlayfs("/" + path + " has " + xattr);
      }
    }
  }
}

Overlay::OpenDirectory Overlay::open(const std::string& path,
                                     const std::vector<unsigned>& layers) const {
  OpenDirectory directory;
  for (const unsigned layer : layers) {
    UniqueFd fd = sys::try_open_at2(layers_.at(layer), path.empty() ? "." : path,
                                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, inside);
    if (!fd) {
      if (errno == EXDEV) return {};
      sys::fail(errno, {"open directory ", path});
    }
    const auto xattrs = list_xattrs(fd.get());
    if (directory.layers.empty()) directory.xattrs = read_xattrs(fd.get(), xattrs);
    bool opaque = false;
    if (whiteouts_ == Whiteouts::are_honoured && !xattrs.empty()) {
      refuse_what_overlayfs_assembles(xattrs, path);
      opaque = is_opaque(fd, xattrs, path);
    }
    directory.layers.push_back({layer, std::move(fd)});
    if (opaque) break;
  }
  return directory;
}

std::vector<StackedEntry> Overlay::list(const OpenDirectory& directory) const {
  std::vector<StackedEntry> entries;
  // What the layers above say about a name: an index, or hidden for what they have done away with.
  constexpr std::size_t hidden = ~std::size_t{0};
  std::unordered_map<std::string, std::size_t> seen;
  std::vector<bool> open_below;  // directories that the next layer down may add to
  const bool merging = directory.layers.size() > 1;
  for (const auto& [layer, fd] : directory.layers) {
    for (auto& [name, type] : entries_of(fd.get(), "of the image")) {
      if (type == DT_UNKNOWN) type = IFTODT(status_of(fd.get(), name).st_mode);
      const bool whiteout = type == DT_CHR && whiteouts_ == Whiteouts::are_honoured &&
                            status_of(fd.get(), name).st_rdev == makedev(0, 0);
      if (merging) {
        const auto [found, is_new] = seen.try_emplace(name, whiteout ? hidden : entries.size());
        if (!is_new) {
          const auto index = found->second;
          if (index == hidden || !open_below[index]) continue;
          // What is no directory, or a whiteout, ends the merging of what lies above it; the
          // absence of the name does not.
          if (type == DT_DIR) {
            entries[index].layers.push_back(layer);
          } else {
            open_below[index] = false;
          }
          continue;
        }
      }
      if (whiteout) continue;
      entries.push_back({std::move(name), type, {layer}});
    }
    for (std::size_t i = open_below.size(); i < entries.size(); ++i)
      open_below.push_back(entries[i].type == DT_DIR);
  }
  return entries;
}

UniqueFd Overlay::open_file_at(int directory, const std::string& path) {
  // Whatever may have taken its place: opening a FIFO must not wait. Reading leaves no trace,
  // except on filesystems that do not let root do this.
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  UniqueFd fd = sys::try_open_at2(directory, path, flags | O_NOATIME, 0, inside);
  if (!fd && errno == EPERM) fd = sys::try_open_at2(directory, path, flags, 0, inside);
  return fd;
}

std::vector<unsigned> Overlay::all_layers() const {
  std::vector<unsigned> all;
  for (unsigned layer = 0; layer < layers_.size(); ++layer) all.push_back(layer);
  return all;
}

}  // namespace dboot::rootfs
