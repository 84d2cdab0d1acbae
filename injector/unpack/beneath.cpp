#include "injector/unpack/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>
#include <system_error>
#include <vector>

#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr std::uint64_t inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr int most_symlinks = 40;  // MAXSYMLINKS, path_resolution(7)

/// Puts the components of `path` on a stack, the first one on top.
void push(std::vector<std::string>& stack, std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.rfind('/');
    const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!name.empty() && name != ".") stack.emplace_back(name);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  }
}

std::string join(const std::vector<std::string>& components) {
  std::string path;
  for (const auto& component : components) path += "/" + component;
  return path.empty() ? "/" : path;
}

struct Place {
  std::string path;              ///< without symlinks and dots
  bool exists = false;           ///< all of it
  std::vector<std::string> way;  ///< see way_beneath()
};

/// What a symlink says; empty when `path` is none. Throws.
std::string target_of(const UniqueFd& fd, const std::string& path) {
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  if (!S_ISLNK(status.st_mode)) return {};
  std::array<char, PATH_MAX> target;
  const auto length =
      sys::check(::readlinkat(fd.get(), "", target.data(), target.size()), "readlink ", path);
  return {target.data(), static_cast<std::size_t>(length)};
}

/// Follows every symlink; what is missing is taken as it is written. Throws std::system_error.
Place locate(int root_fd, const std::string& path) {
  std::vector<std::string> pending;
  std::vector<std::string> found;
  std::vector<std::string> way;
  push(pending, path);
  bool exists = true;
  int symlinks = 0;
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    if (name == "..") {
      if (!found.empty()) found.pop_back();
      continue;
    }
    found.push_back(name);
    const std::string here = join(found);
    way.push_back(here);
    const UniqueFd fd = try_open_beneath(root_fd, here, O_PATH | O_NOFOLLOW);
    if (!fd) {
      if (errno != ENOENT) sys::fail(errno, {"open ", here});
      exists = false;
      continue;
    }
    const std::string target = target_of(fd, here);
    if (target.empty()) continue;
    if (++symlinks > most_symlinks) sys::fail(ELOOP, {"open ", path});
    found.pop_back();
    if (target.front() == '/') found.clear();
    push(pending, target);
  }
  return {join(found), exists, std::move(way)};
}

}  // namespace

UniqueFd try_open_beneath(int root_fd, const std::string& path, int flags, unsigned mode) {
  return sys::try_open_at2(root_fd, path, static_cast<std::uint64_t>(flags), mode, inside);
}

UniqueFd open_beneath(int root_fd, const std::string& path, int flags, unsigned mode) {
  UniqueFd fd = try_open_beneath(root_fd, path, flags, mode);
  if (!fd) sys::fail(errno, {"open ", path});
  return fd;
}

UniqueFd make_directories_beneath(
    int root_fd, const std::string& path,
    const std::function<void(int parent, const std::string& name)>& made) {
  constexpr int directory = O_PATH | O_DIRECTORY;
  UniqueFd fd = try_open_beneath(root_fd, path.empty() ? "." : path, directory);
  if (fd || errno != ENOENT) {
    if (!fd) sys::fail(errno, {"open ", path});
    return fd;
  }
  std::vector<std::string> names;
  push(names, locate(root_fd, path).path);
  fd = open_beneath(root_fd, ".", directory);
  for (; !names.empty(); names.pop_back()) {
    const std::string& name = names.back();
    if (::mkdirat(fd.get(), name.c_str(), 0755) == 0) {
      if (made) made(fd.get(), name);
      fd = sys::open_at(fd.get(), name, directory | O_NOFOLLOW);
      // The umask is the user's, and no part of the image.
      sys::check(::fchmodat(fd.get(), ".", 0755, 0), "chmod ", name);
    } else if (errno == EEXIST) {
      fd = sys::open_at(fd.get(), name, directory | O_NOFOLLOW);
    } else {
      sys::fail(errno, {"mkdir ", path});
    }
  }
  return fd;
}

std::vector<std::string> way_beneath(int root_fd, const std::string& path) {
  return locate(root_fd, path).way;
}

std::optional<std::string> canonical_beneath(int root_fd, const std::string& path) {
  try {
    const Place place = locate(root_fd, path);
    if (place.exists) return place.path;
  } catch (const std::system_error&) {
  }
  return {};
}

}  // namespace dboot::rootfs
