#include "injector/from_host/host_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/report.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/copy_content.hpp"
#include "injector/unpack/entry_writer.hpp"
#include "injector/unpack/no_space.hpp"
#include "injector/unpack/xattrs.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr std::uint64_t page = 4096;

struct Entry {
  int directory;     ///< the one that it is in; AT_FDCWD for the tree itself
  std::string name;  ///< in that directory
  std::string path;  ///< below the tree; empty for the tree itself
  struct stat status;
};
using Visitor = std::function<void(const Entry&)>;

struct stat status_of(int fd, const std::string& path) {
  struct stat status {};
  sys::check(::fstat(fd, &status), "stat ", path);
  return status;
}

std::vector<std::string> names_in(int directory, const std::string& path) {
  std::vector<std::string> names;
  for (auto& entry : entries_of(directory, path)) names.push_back(std::move(entry.name));
  std::sort(names.begin(), names.end());
  return names;
}

/// Visits everything below a directory, a directory before what is in it.
void walk(int directory, const std::string& below, const HostTree::Filter& wanted,
          const Visitor& visit) {
  for (const auto& name : names_in(directory, below)) {
    interruption::check();
    Entry entry{directory, name, below.empty() ? name : below + "/" + name, {}};
    // It may have gone since the directory was read.
    if (::fstatat(directory, name.c_str(), &entry.status, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;
      sys::fail(errno, {"stat ", entry.path});
    }
    const bool is_directory = S_ISDIR(entry.status.st_mode);
    if (wanted && !wanted(entry.path, is_directory)) continue;
    visit(entry);
    if (!is_directory) continue;
    const UniqueFd fd = sys::open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    walk(fd.get(), entry.path, wanted, visit);
  }
}

std::string link_target(const Entry& entry) {
  std::string target(static_cast<std::size_t>(std::max<off_t>(entry.status.st_size, 255)) + 1, 0);
  const auto length =
      sys::check(::readlinkat(entry.directory, entry.name.c_str(), target.data(), target.size()),
                 "read link ", entry.path);
  target.resize(static_cast<std::size_t>(length));
  return target;
}

constexpr std::size_t block = 1U << 20U;

/// Files of /proc and /sys have a content and no size.
void copy_unsized(int from, int to, std::span<char> buffer,
                  const std::function<void(std::uint64_t)>& copied) {
  for (;;) {
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (sys::check(count, "read") == 0) return;
    const auto size = static_cast<std::size_t>(count);
    sys::write_all(to, {buffer.data(), size});
    copied(size);
  }
}

/// Writes what it visits.
class Copier {
 public:
  Copier(int root_fd, std::string to, Progress& progress)
      : writer_(root_fd), to_(std::move(to)), progress_(progress) {}

  void write(const Entry& entry) {
    const std::string path = path_of(entry);
    const struct stat& status = entry.status;
    const Metadata metadata{
        status.st_mode & 07777U, status.st_uid, status.st_gid, status.st_mtim, {}};
    switch (status.st_mode & S_IFMT) {
      case S_IFDIR:
        return writer_.directory(path, metadata);
      case S_IFREG:
        return write_file(entry, path, metadata);
      case S_IFLNK:
        return writer_.symlink(path, metadata, link_target(entry));
      case S_IFCHR:
      case S_IFBLK:
      case S_IFIFO:
        return writer_.node(path, metadata, status.st_mode & S_IFMT, status.st_rdev);
      default:
        report::debug("a socket is left out", {{"path", entry.path}});
    }
  }

  void finish() { writer_.finish(); }

 private:
  std::string path_of(const Entry& entry) const {
    if (entry.path.empty()) return to_;
    return to_.empty() ? entry.path : to_ + "/" + entry.path;
  }

  void write_file(const Entry& entry, const std::string& path, const Metadata& metadata) {
    if (entry.status.st_nlink > 1) {
      const auto [first, is_new] =
          links_.try_emplace({entry.status.st_dev, entry.status.st_ino}, path);
      if (!is_new) return writer_.hardlink(path, first->second);
    }
    // Never blocks: what was a file may have become a FIFO. The tree itself has been opened before.
    const int flags = O_RDONLY | O_NONBLOCK | (entry.path.empty() ? 0 : O_NOFOLLOW);
    const UniqueFd from = sys::open_at(entry.directory, entry.name, flags);
    Metadata all = metadata;
    all.xattrs = read_xattrs(from.get(), list_xattrs(from.get()));
    const auto copied = [&](std::uint64_t bytes) {
      interruption::check();
      progress_.add(bytes);
    };
    const struct stat& status = entry.status;
    writer_.file(path, all, [&](int fd) {
      if (status.st_size == 0) return copy_unsized(from.get(), fd, buffer_, copied);
      copy_content(from.get(), fd, static_cast<std::uint64_t>(status.st_size),
                   static_cast<std::uint64_t>(status.st_blocks), buffer_, copied);
    });
  }

  EntryWriter writer_;
  std::string to_;
  Progress& progress_;
  std::vector<char> buffer_ = std::vector<char>(block);
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

/// Where `to` is once the symlinks of the root are followed, of a directory that is there already.
std::string destination(int root_fd, const std::string& to, bool is_directory) {
  const std::string path = clean_path(to.empty() ? "/" : to);
  if (!is_directory || !try_open_beneath(root_fd, path.empty() ? "." : path, O_PATH | O_DIRECTORY))
    return path;
  const auto canonical = canonical_beneath(root_fd, "/" + path);
  return canonical ? clean_path(*canonical) : path;
}

}  // namespace

HostTree::HostTree(std::string path) : path_(std::move(path)), fd_(sys::open(path_, O_PATH)) {
  if (is_directory()) fd_ = sys::open_at(fd_.get(), ".", O_RDONLY | O_DIRECTORY);
}

bool HostTree::is_directory() const {
  return S_ISDIR(status_of(fd_.get(), path_).st_mode);
}

std::set<std::string> HostTree::files() const {
  std::set<std::string> files;
  if (!is_directory()) return files;
  walk(fd_.get(), {}, {}, [&](const Entry& entry) {
    if (!S_ISDIR(entry.status.st_mode)) files.insert(entry.path);
  });
  return files;
}

std::uint64_t HostTree::bytes(const Filter& wanted) const {
  std::uint64_t bytes = 0;
  const auto add = [&](const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return;
    bytes += (static_cast<std::uint64_t>(status.st_size) + page - 1) / page * page;
  };
  if (!is_directory()) {
    add(status_of(fd_.get(), path_));
  } else {
    walk(fd_.get(), {}, wanted, [&](const Entry& entry) { add(entry.status); });
  }
  return bytes;
}

void HostTree::copy(int root_fd, const std::string& to, Progress& progress,
                    const Filter& wanted) const {
  const struct stat status = status_of(fd_.get(), path_);
  const bool is_directory = S_ISDIR(status.st_mode);
  std::string last = path_;
  try {
    Copier copier(root_fd, destination(root_fd, to, is_directory), progress);
    if (is_directory) {
      copier.write({AT_FDCWD, path_, {}, status});
      walk(fd_.get(), {}, wanted, [&](const Entry& entry) {
        last = path_ + "/" + entry.path;
        copier.write(entry);
      });
    } else {
      if (try_open_beneath(root_fd, to, O_PATH | O_DIRECTORY | O_NOFOLLOW))
        sys::fail(EISDIR, {"replace ", to});
      // The file itself, wherever its name leads to by now.
      copier.write({AT_FDCWD, "/proc/self/fd/" + std::to_string(fd_.get()), {}, status});
    }
    copier.finish();
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOSPC) report_no_space(root_fd, last);
    throw Failure("cannot copy " + last + " into the new root: " + error.what(),
                  "leave it out, or give it another path in the new root");
  } catch (const BadEntry& error) {
    throw Failure("cannot copy " + path_ + " to " + to + ": " + error.what(),
                  "give it a path below / in the new root");
  }
}

}  // namespace dboot::rootfs
