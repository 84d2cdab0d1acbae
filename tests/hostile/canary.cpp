#include "tests/hostile/canary.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>

#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::hostile {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> tree(const fs::path& path) {
  std::vector<std::string> paths{path};
  for (const auto& entry : fs::recursive_directory_iterator(path)) paths.push_back(entry.path());
  return paths;
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  sys::check(::lstat(path.c_str(), &status), "stat ", path);
  return status;
}

bool is_same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

Canary::Canary(const fs::path& path) : path_(path), inotify_(::inotify_init1(IN_NONBLOCK)) {
  write_text(path / "secret", "secret");
  write_text(path / "directory/file", "file");
  fs::create_symlink("secret", path / "link");
  // Longer ago than the changes: or else relatime hides a second reading.
  const std::array<timespec, 2> times{timespec{1, 0}, timespec{2, 0}};
  for (const auto& name : tree(path)) {
    ::utimensat(AT_FDCWD, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  }
  for (const auto& name : tree(path)) {
    before_[name] = {status_of(name), {}};
    if (S_ISREG(before_[name].status.st_mode)) before_[name].content = read_text(name);
    ::utimensat(AT_FDCWD, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  }
  for (auto& [name, file] : before_) file.status = status_of(name);
  for (const auto& [name, file] : before_) {
    constexpr std::uint32_t everything = IN_ALL_EVENTS | IN_DONT_FOLLOW;
    watches_[::inotify_add_watch(inotify_.get(), name.c_str(), everything)] = name;
  }
}

std::vector<std::string> Canary::events() const {
  std::vector<std::string> seen;
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (ssize_t size = 0; (size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      seen.push_back("event " + std::to_string(event->mask) + " on " + watches_.at(event->wd));
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
  return seen;
}

std::vector<std::string> Canary::disturbances() const {
  // First of all: looking at it is an event too.
  std::vector<std::string> found = events();
  for (const auto& [name, file] : before_) {
    const struct stat now = status_of(name);
    const struct stat& then = file.status;
    if (now.st_mode != then.st_mode || now.st_uid != then.st_uid || now.st_gid != then.st_gid ||
        now.st_ino != then.st_ino || now.st_nlink != then.st_nlink) {
      found.push_back(name + ": mode, owner or links");
    }
    if (!is_same(now.st_mtim, then.st_mtim) || !is_same(now.st_ctim, then.st_ctim)) {
      found.push_back(name + ": changed");
    }
    if (!is_same(now.st_atim, then.st_atim)) found.push_back(name + ": read");
    if (S_ISREG(then.st_mode) && read_text(name) != file.content) {
      found.push_back(name + ": content");
    }
  }
  if (tree(path_).size() != before_.size()) found.push_back("its names");
  return found;
}

}  // namespace dboot::hostile
