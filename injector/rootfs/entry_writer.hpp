#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "shared/unique_fd.hpp"

namespace dboot::rootfs {

/// Why an entry is refused.
class BadEntry : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What an entry of an archive sets beside its content.
struct Metadata {
  mode_t mode = 0;  ///< permissions, with setuid, setgid and sticky
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
  std::vector<std::pair<std::string, std::string>> xattrs;
};

/// Makes files below a root directory, whatever is already there: the parent is opened beneath the
/// root, and everything else happens in it by name, without following anything. What is in the way
/// is replaced, except that a directory must be empty for that. Paths are as clean_path() returns
/// them and not empty, except for directory(). All functions throw std::system_error.
class EntryWriter {
 public:
  explicit EntryWriter(int root_fd) : root_(root_fd) {}

  /// The root itself when the path is empty.
  void directory(const std::string& path, const Metadata& metadata);
  /// `write` gets the new, empty file.
  void file(const std::string& path, const Metadata& metadata,
            const std::function<void(int fd)>& write);
  void symlink(const std::string& path, const Metadata& metadata, const std::string& target);
  void hardlink(const std::string& path, const std::string& target);
  /// A device or a FIFO: `type` is S_IFCHR, S_IFBLK or S_IFIFO.
  void node(const std::string& path, const Metadata& metadata, mode_t type, dev_t device);

  /// Sets the times of the directories, which writing into them has changed. To be called last.
  void finish();

 private:
  struct Place {
    int parent;
    std::string name;
  };

  Place place(const std::string& path);
  template <class Make>
  auto make(const Place& place, const std::string& path, Make make);
  void set_xattrs(int fd, const Metadata& metadata);

  int root_;
  UniqueFd parent_;  ///< the parent of the last entry: the next one is mostly beside it
  std::string parent_path_;
  bool parent_stale_ = false;
  std::vector<std::pair<std::string, timespec>> directory_times_;
  bool xattrs_refused_ = false;
};

/// The path of an entry relative to the root, without empty components and dots; empty for the root
/// itself. Absolute names are taken as relative to the root. Throws BadEntry for an empty name and
/// for one with "..".
std::string clean_path(const std::string& name);

}  // namespace dboot::rootfs
