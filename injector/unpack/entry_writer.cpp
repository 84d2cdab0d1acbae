#include "injector/unpack/entry_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "injector/unpack/beneath.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr mode_t permissions = 07777;
/// What is made in a directory that has one gets it as well, whatever its own entry says.
constexpr const char* default_acl = "system.posix_acl_default";

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

ino_t inode_of(int fd) {
  struct stat status {};
  sys::check(::fstat(fd, &status), "stat a directory");
  return status.st_ino;
}

/// A directory that is named again has no attributes but the new ones.
void remove_xattrs_except(int fd, const Xattrs& kept) {
  for (const auto& name : list_xattrs(fd)) {
    const auto is_it = [&](const auto& xattr) { return xattr.first == name; };
    if (!belongs_to_image(name) || std::ranges::any_of(kept, is_it)) continue;
    if (::fremovexattr(fd, name.c_str()) != 0 && errno != ENODATA) {
      sys::fail(errno, {"remove ", name});
    }
  }
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

void EntryWriter::begin_layer() {
  has_lower_ = true;
  written_.clear();
  parent_stale_ = true;
}

EntryWriter::Place EntryWriter::place(const std::string& path) {
  auto [parent, name] = split(path);
  if (!parent_ || parent_stale_ || parent != parent_path_) {
    parent_ = make_parent(parent);
    if (has_lower_) parent_inode_ = inode_of(parent_.get());
    parent_path_ = std::move(parent);
    parent_stale_ = false;
  }
  return {parent_.get(), std::move(name)};
}

UniqueFd EntryWriter::make_parent(const std::string& path) {
  const auto made = [this](int parent, const std::string& name) {
    if (has_lower_) written_.add(inode_of(parent), name);
  };
  try {
    return make_directories_beneath(root_, path, made);
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOTDIR || !replace_lower_file(path)) throw;
  }
  return make_directories_beneath(root_, path, made);
}

/// A lower layer's file is in the way of a directory that the current one does not name, only what
/// is in it. Removes the file.
bool EntryWriter::replace_lower_file(const std::string& path) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const std::string until = path.substr(0, end);
    if (!try_open_beneath(root_, until, O_PATH | O_DIRECTORY)) {
      const auto [parent, name] = split(until);
      const UniqueFd directory =
          open_beneath(root_, parent.empty() ? "." : parent, O_PATH | O_DIRECTORY);
      if (!has_lower_ || written_.contains(inode_of(directory.get()), name)) return false;
      remove_tree(directory.get(), name);
      return true;
    }
    if (end == std::string::npos) return false;
  }
}

void EntryWriter::remember(const Place& place) {
  if (has_lower_) written_.add(parent_inode_, place.name);
}

Keep EntryWriter::written_here() const {
  return [this](ino_t directory, const std::string& name) {
    return written_.contains(directory, name);
  };
}

/// Calls `make_entry` until it succeeds, removing once what is in the way.
template <class Make>
auto EntryWriter::make(const Place& place, const std::string& path, Make make_entry) {
  auto result = make_entry();
  if (result < 0 && errno == EEXIST) {
    remove_tree(place.parent, place.name);
    result = make_entry();
    // A symlink on the way to the remembered parent may have become another one.
    parent_stale_ = true;
  }
  sys::check(result, "create ", path);
  remember(place);
  return result;
}

UniqueFd EntryWriter::make_directory(const Place& place, const std::string& path, bool& is_new) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const auto open = [&] { return ::openat(place.parent, place.name.c_str(), flags); };
  const auto mkdir = [&] { return ::mkdirat(place.parent, place.name.c_str(), 0700); };
  is_new = mkdir() == 0;
  if (!is_new) {
    if (errno != EEXIST) sys::fail(errno, {"create ", path});
    if (UniqueFd fd(open()); fd) {
      remember(place);
      return fd;
    }
    make(place, path, mkdir);
    is_new = true;
  }
  remember(place);
  return UniqueFd(sys::check(open(), "open ", path));
}

void EntryWriter::directory(const std::string& path, const Metadata& metadata) {
  bool is_new = false;
  UniqueFd fd = path.empty() ? open_beneath(root_, ".", O_RDONLY | O_DIRECTORY)
                             : make_directory(place(path), path, is_new);
  if (!is_new) remove_xattrs_except(fd.get(), metadata.xattrs);
  sys::check(::fchown(fd.get(), metadata.uid, metadata.gid), "chown ", path);
  sys::check(::fchmod(fd.get(), metadata.mode & permissions), "chmod ", path);
  Finish finish{path, metadata.mtime, {}};
  Xattrs now;
  for (const auto& xattr : metadata.xattrs) {
    (xattr.first == default_acl ? finish.default_acl : now).push_back(xattr);
  }
  set_xattrs(fd.get(), now);
  directories_[inode_of(fd.get())] = std::move(finish);
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
  set_xattrs(fd.get(), metadata.xattrs);
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
  set_xattrs_at(at.parent, at.name, metadata.xattrs);
  sys::check(::utimensat(at.parent, name, times(metadata.mtime).data(), AT_SYMLINK_NOFOLLOW),
             "set times of ", path);
}

void EntryWriter::whiteout(const std::string& path) {
  const auto [parent, name] = split(path);
  const UniqueFd directory =
      try_open_beneath(root_, parent.empty() ? "." : parent, O_PATH | O_DIRECTORY);
  // A whiteout of nothing says nothing.
  if (!directory || !has_lower_) return;
  remove_tree(directory.get(), name, written_here());
  parent_stale_ = true;
}

void EntryWriter::opaque(const std::string& path) {
  const UniqueFd directory =
      try_open_beneath(root_, path.empty() ? "." : path, O_PATH | O_DIRECTORY);
  if (!directory || !has_lower_) return;
  remove_content(directory.get(), written_here());
  parent_stale_ = true;
}

void EntryWriter::finish() {
  for (const auto& [inode, finish] : directories_) {
    const UniqueFd fd = try_open_beneath(root_, finish.path.empty() ? "." : finish.path,
                                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    // A later entry may have taken its place.
    if (!fd || inode_of(fd.get()) != inode) continue;
    set_xattrs(fd.get(), finish.default_acl);
    sys::check(::futimens(fd.get(), times(finish.mtime).data()), "set times of ", finish.path);
  }
  directories_.clear();
}

}  // namespace dboot::rootfs
