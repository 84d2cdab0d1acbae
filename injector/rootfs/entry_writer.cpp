#include "injector/rootfs/entry_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "injector/rootfs/beneath.hpp"
#include "shared/log.hpp"
#include "shared/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr mode_t permissions = 07777;

std::array<timespec, 2> times(timespec mtime) {
  return {timespec{0, UTIME_OMIT}, mtime};
}

/// True when both paths are the same file already.
bool is_same_file(int one, const std::string& one_name, int other, const std::string& other_name) {
  struct stat a {};
  struct stat b {};
  return ::fstatat(one, one_name.c_str(), &a, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstatat(other, other_name.c_str(), &b, AT_SYMLINK_NOFOLLOW) == 0 &&
         a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/// Where a path divides into its parent ("" for the root) and its name.
std::pair<std::string, std::string> split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

std::string clean_path(const std::string& name) {
  if (name.empty()) throw BadEntry("it has no name");
  std::string path;
  std::string_view rest = name;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const auto component = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == "..") throw BadEntry("its name leads out of the root");
    if (!path.empty()) path += '/';
    path += component;
  }
  return path;
}

EntryWriter::Place EntryWriter::place(const std::string& path) {
  auto [parent, name] = split(path);
  if (!parent_ || parent_stale_ || parent != parent_path_) {
    parent_ = make_directories_beneath(root_, parent);
    parent_path_ = std::move(parent);
    parent_stale_ = false;
  }
  return {parent_.get(), std::move(name)};
}

/// Calls `make_entry` until it succeeds, removing once what is in the way.
template <class Make>
auto EntryWriter::make(const Place& place, const std::string& path, Make make_entry) {
  auto result = make_entry();
  if (result < 0 && errno == EEXIST) {
    struct stat status {};
    sys::check(::fstatat(place.parent, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "stat ",
               path);
    const int flags = S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0;
    sys::check(::unlinkat(place.parent, place.name.c_str(), flags), "replace ", path);
    result = make_entry();
    // A symlink on the way to the remembered parent may have become another one.
    parent_stale_ = true;
  }
  return sys::check(result, "create ", path);
}

void EntryWriter::set_xattrs(int fd, const Metadata& metadata) {
  for (const auto& [name, value] : metadata.xattrs) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == ENOSPC) sys::fail(ENOSPC, {"set ", name});
    if (std::exchange(xattrs_refused_, true)) continue;
    log::warning("extended attributes of the image are lost: the RAM root does not take them",
                 {{"first", name}});
  }
}

void EntryWriter::directory(const std::string& path, const Metadata& metadata) {
  UniqueFd fd;
  if (path.empty()) {
    fd = open_beneath(root_, ".", O_RDONLY | O_DIRECTORY);
  } else {
    const Place at = place(path);
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const auto open = [&] { return ::openat(at.parent, at.name.c_str(), flags); };
    if (::mkdirat(at.parent, at.name.c_str(), 0700) < 0) {
      if (errno != EEXIST) sys::fail(errno, {"create ", path});
      fd.reset(open());
      if (!fd) {
        make(at, path, [&] { return ::mkdirat(at.parent, at.name.c_str(), 0700); });
      }
    }
    if (!fd) fd.reset(sys::check(open(), "open ", path));
  }
  sys::check(::fchown(fd.get(), metadata.uid, metadata.gid), "chown ", path);
  sys::check(::fchmod(fd.get(), metadata.mode & permissions), "chmod ", path);
  set_xattrs(fd.get(), metadata);
  directory_times_.emplace_back(path, metadata.mtime);
}

void EntryWriter::file(const std::string& path, const Metadata& metadata,
                       const std::function<void(int fd)>& write) {
  const Place at = place(path);
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd fd(
      make(at, path, [&] { return ::openat(at.parent, at.name.c_str(), flags, 0600); }));
  write(fd.get());
  // In this order: a change of owner takes setuid and capabilities away.
  sys::check(::fchown(fd.get(), metadata.uid, metadata.gid), "chown ", path);
  sys::check(::fchmod(fd.get(), metadata.mode & permissions), "chmod ", path);
  set_xattrs(fd.get(), metadata);
  sys::check(::futimens(fd.get(), times(metadata.mtime).data()), "set times of ", path);
}

void EntryWriter::symlink(const std::string& path, const Metadata& metadata,
                          const std::string& target) {
  const Place at = place(path);
  const char* name = at.name.c_str();
  make(at, path, [&] { return ::symlinkat(target.c_str(), at.parent, name); });
  sys::check(::fchownat(at.parent, name, metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW), "chown ",
             path);
  sys::check(::utimensat(at.parent, name, times(metadata.mtime).data(), AT_SYMLINK_NOFOLLOW),
             "set times of ", path);
}

void EntryWriter::hardlink(const std::string& path, const std::string& target) {
  const Place at = place(path);
  const auto [target_parent, target_name] = split(target);
  const UniqueFd from =
      open_beneath(root_, target_parent.empty() ? "." : target_parent, O_PATH | O_DIRECTORY);
  if (is_same_file(from.get(), target_name, at.parent, at.name)) return;
  if (::faccessat(from.get(), target_name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
    sys::fail(errno, {"link to ", target});
  }
  make(at, path,
       [&] { return ::linkat(from.get(), target_name.c_str(), at.parent, at.name.c_str(), 0); });
}

void EntryWriter::node(const std::string& path, const Metadata& metadata, mode_t type,
                       dev_t device) {
  const Place at = place(path);
  const char* name = at.name.c_str();
  make(at, path, [&] { return ::mknodat(at.parent, name, type | 0600, device); });
  sys::check(::fchownat(at.parent, name, metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW), "chown ",
             path);
  // fchmodat follows symlinks, but this is the node that was made above.
  sys::check(::fchmodat(at.parent, name, metadata.mode & permissions, 0), "chmod ", path);
  sys::check(::utimensat(at.parent, name, times(metadata.mtime).data(), AT_SYMLINK_NOFOLLOW),
             "set times of ", path);
}

void EntryWriter::finish() {
  for (const auto& [path, mtime] : directory_times_) {
    const UniqueFd fd =
        try_open_beneath(root_, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    // A later entry may have taken its place.
    if (fd) sys::check(::futimens(fd.get(), times(mtime).data()), "set times of ", path);
  }
  directory_times_.clear();
}

}  // namespace dboot::rootfs
