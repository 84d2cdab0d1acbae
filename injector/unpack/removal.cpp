#include "injector/unpack/removal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::rootfs {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::vector<std::string> names_in(int fd) {
  std::vector<std::string> names;
  for (auto& entry : entries_of(fd, "to remove")) names.push_back(std::move(entry.name));
  return names;
}

/// A way down and up again that needs one descriptor at any depth.
class Removal {
 public:
  Removal(int start, const Keep& keep) : start_(start), keep_(keep) {}

  void run(const std::string& name) {
    remove(name);
    while (!levels_.empty()) {
      auto& names = levels_.back().names;
      if (names.empty()) {
        leave();
      } else {
        const std::string next = std::move(names.back());
        names.pop_back();
        remove(next);
      }
    }
  }

 private:
  struct Level {
    std::string name;
    bool kept;
    std::vector<std::string> names;
  };

  int here() const { return levels_.empty() ? start_ : here_.get(); }

  bool is_kept(const std::string& name) const {
    if (!keep_) return false;
    struct stat status {};
    sys::check(::fstat(here(), &status), "stat a directory");
    return keep_(status.st_ino, name);
  }

  /// Removes it unless it is a directory: into that one it goes.
  void remove(const std::string& name) {
    const bool kept = is_kept(name);
    if (!kept) {
      if (::unlinkat(here(), name.c_str(), 0) == 0 || errno == ENOENT) return;
      // What unlink(2) says of a directory on Linux, and what POSIX would have it say.
      if (errno != EISDIR && errno != EPERM) sys::fail(errno, {"remove ", name});
    }
    UniqueFd fd(::openat(here(), name.c_str(), directory_flags));
    if (!fd) {
      if (kept && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT)) return;
      sys::fail(errno, {"remove ", name});
    }
    levels_.push_back({name, kept, names_in(fd.get())});
    here_ = std::move(fd);
  }

  void leave() {
    const Level level = std::move(levels_.back());
    if (levels_.size() > 1) here_ = sys::open_at(here_.get(), "..", directory_flags);
    levels_.pop_back();
    if (level.kept || ::unlinkat(here(), level.name.c_str(), AT_REMOVEDIR) == 0) return;
    // Something in it has been kept.
    if (errno != ENOTEMPTY || !keep_) sys::fail(errno, {"remove ", level.name});
  }

  int start_;
  const Keep& keep_;
  UniqueFd here_;
  std::vector<Level> levels_;
};

}  // namespace

void remove_tree(int parent, const std::string& name, const Keep& keep) {
  Removal(parent, keep).run(name);
}

void remove_content(int directory, const Keep& keep) {
  for (const auto& name : names_in(directory)) remove_tree(directory, name, keep);
}

}  // namespace dboot::rootfs
