#include "injector/unpack/copy_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <tuple>
#include <variant>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/report.hpp"
#include "injector/threads.hpp"
#include "injector/unpack/copy_content.hpp"
#include "injector/unpack/no_space.hpp"
#include "injector/unpack/task_queue.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

constexpr mode_t permissions = 07777;
constexpr std::uint64_t inside = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

/// Files of this size wait until the tree has been walked, and the biggest of them is copied first:
/// so no thread is left with a big one at the end.
constexpr std::uint64_t big = 1U << 20U;
/// What a thread takes of a directory at a time.
constexpr std::size_t batch_size = 256;
/// Two blocks of a thread's processor cache; a larger one was no faster.
constexpr std::size_t buffer_size = 1U << 18U;
/// Memory is as busy with that many as with more.
constexpr unsigned most_threads = 16;

/// Many layers are many descriptors; select(2), for which the limit is low, is not used.
class ManyDescriptors {
 public:
  ManyDescriptors() noexcept {
    if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) return;
    rlimit raised = before_;
    raised.rlim_cur = raised.rlim_max;
    raised_ = ::setrlimit(RLIMIT_NOFILE, &raised) == 0;
  }
  ~ManyDescriptors() {
    if (raised_) ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  ManyDescriptors(const ManyDescriptors&) = delete;
  ManyDescriptors& operator=(const ManyDescriptors&) = delete;

 private:
  rlimit before_{};
  bool raised_ = false;
};

struct stat status_of(int fd, const std::string& path) {
  struct stat status {};
  sys::check(::fstat(fd, &status), "stat ", path);
  return status;
}

/// Makes the new file, directory or link what the old one is. The content comes before: a change of
/// owner takes setuid and capabilities away, and writing changes the time.
void set_metadata(int fd, const struct stat& status, const Xattrs& xattrs,
                  const std::string& path) {
  // Owners first: it is root's already.
  if (status.st_uid != 0 || status.st_gid != 0) {
    sys::check(::fchown(fd, status.st_uid, status.st_gid), "chown ", path);
  }
  sys::check(::fchmod(fd, status.st_mode & permissions), "chmod ", path);
  set_xattrs(fd, xattrs);
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, status.st_mtim};
  sys::check(::futimens(fd, times.data()), "set times of ", path);
}

class TreeCopy {
 public:
  TreeCopy(const Overlay& source, int root_fd, Progress& progress, std::string description)
      : source_(source),
        root_(root_fd),
        progress_(progress),
        description_(std::move(description)) {}

  void run() {
    const ManyDescriptors many;
    const unsigned count = std::min(threads::processors(), most_threads);
    queue_.push(Subtree{"", source_.all_layers()});
    threads::run(
        count, [this] { walk(); }, [this] { queue_.stop(); });
    std::sort(big_.begin(), big_.end(),
              [](const auto& one, const auto& other) { return one.size < other.size; });
    threads::run(
        count, [this] { copy_big_files(); }, [this] { drop_big_files(); });
    std::string at;
    reported(at, [&] {
      make_links(at);
      finish_directories(at);
    });
  }

 private:
  struct Subtree {
    std::string path;
    std::vector<unsigned> layers;
  };
  struct Directory {
    std::string path;
    Overlay::OpenDirectory from;
    UniqueFd to;
  };
  struct Batch {
    std::shared_ptr<const Directory> directory;
    std::vector<StackedEntry> entries;
  };
  struct BigFile {
    std::string path;
    unsigned layer = 0;
    std::uint64_t size = 0;
  };
  struct Link {
    std::string path;
    std::string target;
  };
  struct MadeDirectory {
    std::string path;
    struct stat status;
    Xattrs xattrs;
  };

  static std::string join(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
  }

  /// Runs `work`, which keeps `at` at what it is busy with.
  template <class Work>
  void reported(const std::string& at, Work work) {
    try {
      work();
    } catch (const std::system_error& error) {
      if (error.code().value() == ENOSPC) report_no_space(root_, "/" + at);
      throw Failure("cannot copy /" + at + " of " + description_ + ": " + error.what(),
                    "leave it as it is while it is copied, and try again");
    }
  }

  void walk() {
    std::vector<char> buffer(buffer_size);
    std::string at;
    while (auto task = queue_.pop()) {
      reported(at, [&] {
        if (auto* subtree = std::get_if<Subtree>(&*task)) {
          at = subtree->path;
          open_subtree(*subtree, at, buffer);
        } else {
          copy_entries(std::get<Batch>(*task), at, buffer);
        }
      });
      queue_.done();
    }
  }

  void open_subtree(const Subtree& subtree, std::string& at, std::span<char> buffer) {
    interruption::check();
    auto directory = std::make_shared<Directory>();
    directory->path = subtree.path;
    directory->from = source_.open(subtree.path, subtree.layers);
    directory->to = sys::try_open_at2(root_, subtree.path.empty() ? "." : subtree.path,
                                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, inside);
    if (!directory->to) sys::fail(errno, {"open ", subtree.path});
    if (directory->from.layers.empty()) {
      sys::check(::fchmod(directory->to.get(), 0755), "chmod ", subtree.path);
      report::warning("something is mounted there, which is left out",
                      {{"path", "/" + subtree.path}});
      return;
    }
    remember(directory->from, subtree.path);
    auto entries = source_.list(directory->from);
    Batch batch{directory, {}};
    while (entries.size() > batch_size) {
      const auto begin = entries.end() - static_cast<std::ptrdiff_t>(batch_size);
      queue_.push(Batch{directory,
                        {std::make_move_iterator(begin), std::make_move_iterator(entries.end())}});
      entries.erase(begin, entries.end());
    }
    batch.entries = std::move(entries);
    copy_entries(batch, at, buffer);
  }

  void remember(Overlay::OpenDirectory& from, const std::string& path) {
    const struct stat status = status_of(from.layers.front().fd.get(), path);
    const std::lock_guard lock(mutex_);
    directories_.push_back({path, status, std::move(from.xattrs)});
  }

  void copy_entries(const Batch& batch, std::string& at, std::span<char> buffer) {
    const Directory& directory = *batch.directory;
    for (const auto& entry : batch.entries) {
      interruption::check();
      at = join(directory.path, entry.name);
      if (entry.type == DT_DIR) {
        sys::check(::mkdirat(directory.to.get(), entry.name.c_str(), 0700), "mkdir ", at);
        queue_.push(Subtree{at, entry.layers});
        continue;
      }
      const unsigned layer = entry.layers.front();
      const auto from = std::find_if(directory.from.layers.begin(), directory.from.layers.end(),
                                     [&](const auto& open) { return open.layer == layer; });
      if (entry.type == DT_REG) {
        copy_file(layer, from->fd.get(), directory.to.get(), entry.name, at, buffer);
      } else {
        copy_special(layer, from->fd.get(), directory.to.get(), entry.name, at);
      }
    }
  }

  void copy_file(unsigned layer, int from, int to, const std::string& name, const std::string& path,
                 std::span<char> buffer) {
    const UniqueFd file = Overlay::open_file_at(from, name);
    if (!file && errno == EXDEV) {
      report::warning("something is mounted there, which is left out", {{"path", "/" + path}});
      return;
    }
    if (!file) sys::fail(errno, {"open ", path});
    const struct stat status = status_of(file.get(), path);
    if (status.st_nlink > 1 && is_link(layer, status, path)) return;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size < big) return write_file(file.get(), to, name, status, path, buffer);
    const std::lock_guard lock(mutex_);
    big_.push_back({path, layer, size});
  }

  void write_file(int from, int to, const std::string& name, const struct stat& status,
                  const std::string& path, std::span<char> buffer) {
    if (!S_ISREG(status.st_mode)) sys::fail(ESTALE, {"read ", path});
    const auto xattrs = list_xattrs(from);
    if (!xattrs.empty()) refuse_what_overlayfs_assembles(xattrs, path);
    constexpr std::uint64_t flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const UniqueFd file = sys::try_open_at2(to, name, flags, 0600, inside);
    if (!file) sys::fail(errno, {"create ", path});
    copy_content(from, file.get(), static_cast<std::uint64_t>(status.st_size),
                 static_cast<std::uint64_t>(status.st_blocks), buffer, [&](std::uint64_t bytes) {
                   progress_.add(bytes);
                   interruption::check();
                 });
    set_metadata(file.get(), status, xattrs.empty() ? Xattrs() : read_xattrs(from, xattrs), path);
  }

  /// Symlinks, devices and FIFOs.
  void copy_special(unsigned layer, int from, int to, const std::string& name,
                    const std::string& path) {
    struct stat status {};
    sys::check(::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "stat ", path);
    if (S_ISSOCK(status.st_mode)) {
      // Nothing without the process that listens on it.
      report::debug("a socket is left out", {{"path", "/" + path}});
      return;
    }
    if (status.st_nlink > 1 && is_link(layer, status, path)) return;
    if (S_ISLNK(status.st_mode)) {
      std::array<char, PATH_MAX + 1> target{};
      sys::check(::readlinkat(from, name.c_str(), target.data(), target.size() - 1), "readlink ",
                 path);
      sys::check(::symlinkat(target.data(), to, name.c_str()), "create ", path);
    } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode) || S_ISFIFO(status.st_mode)) {
      sys::check(::mknodat(to, name.c_str(), (status.st_mode & S_IFMT) | 0600, status.st_rdev),
                 "create ", path);
    } else {
      sys::fail(ESTALE, {"read ", path});
    }
    sys::check(::fchownat(to, name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW),
               "chown ", path);
    if (!S_ISLNK(status.st_mode)) {
      // fchmodat follows symlinks, but this is the node that was made above.
      sys::check(::fchmodat(to, name.c_str(), status.st_mode & permissions, 0), "chmod ", path);
      set_xattrs_at(to, name, read_xattrs_at(from, name));
    }
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, status.st_mtim};
    sys::check(::utimensat(to, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), "set times of ",
               path);
  }

  /// True when the file has been met under another name; then this one becomes a link to it, later.
  bool is_link(unsigned layer, const struct stat& status, const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto [first, is_new] =
        first_names_.try_emplace({layer, status.st_dev, status.st_ino}, path);
    if (!is_new) links_.push_back({path, first->second});
    return !is_new;
  }

  void copy_big_files() {
    std::vector<char> buffer(buffer_size);
    std::string at;
    for (;;) {
      BigFile next;
      {
        const std::lock_guard lock(mutex_);
        if (big_.empty()) return;
        next = std::move(big_.back());
        big_.pop_back();
      }
      at = next.path;
      reported(at, [&] {
        interruption::check();
        const UniqueFd from = source_.open_file(next.layer, next.path);
        if (!from) sys::fail(errno, {"open ", next.path});
        const UniqueFd to = open_parent(next.path);
        write_file(from.get(), to.get(), next.path.substr(next.path.rfind('/') + 1),
                   status_of(from.get(), next.path), next.path, buffer);
      });
    }
  }
  void drop_big_files() {
    const std::lock_guard lock(mutex_);
    big_.clear();
  }

  UniqueFd open_parent(const std::string& path) const {
    const auto slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
    UniqueFd fd = sys::try_open_at2(root_, parent, O_PATH | O_DIRECTORY, 0, inside);
    if (!fd) sys::fail(errno, {"open ", parent});
    return fd;
  }

  void make_links(std::string& at) {
    for (const auto& [path, target] : links_) {
      at = path;
      const UniqueFd from = open_parent(target);
      const UniqueFd to = open_parent(path);
      sys::check(::linkat(from.get(), target.substr(target.rfind('/') + 1).c_str(), to.get(),
                          path.substr(path.rfind('/') + 1).c_str(), 0),
                 "link ", path);
    }
  }

  /// Last of all, children before parents: writing into a directory changes its time, a default ACL
  /// would be inherited, and not even the owner may enter one without permissions.
  void finish_directories(std::string& at) {
    for (auto made = directories_.rbegin(); made != directories_.rend(); ++made) {
      at = made->path;
      const UniqueFd fd = sys::try_open_at2(root_, at.empty() ? "." : at,
                                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, inside);
      if (!fd) sys::fail(errno, {"open ", at});
      set_metadata(fd.get(), made->status, made->xattrs, at);
    }
  }

  const Overlay& source_;
  int root_;
  Progress& progress_;
  std::string description_;
  TaskQueue<std::variant<Subtree, Batch>> queue_;

  std::mutex mutex_;  // of all below
  std::vector<BigFile> big_;
  std::map<std::tuple<unsigned, dev_t, ino_t>, std::string> first_names_;
  std::vector<Link> links_;
  std::vector<MadeDirectory> directories_;
};

}  // namespace

void copy_tree(const Overlay& source, int root_fd, Progress& progress,
               const std::string& description) {
  TreeCopy(source, root_fd, progress, description).run();
}

}  // namespace dboot::rootfs
