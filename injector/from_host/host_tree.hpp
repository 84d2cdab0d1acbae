#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "injector/progress.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::rootfs {

/// A file or directory of the host's that a new root takes along, with everything below it.
/// Symlinks are followed on the way to it, and none after that. Sockets are left out: they are
/// nothing without the process that listens.
class HostTree {
 public:
  /// Says of a path below the tree whether it is wanted. A directory that is not is not entered.
  using Filter = std::function<bool(const std::string& path, bool is_directory)>;

  /// Throws std::system_error.
  explicit HostTree(std::string path);

  const std::string& path() const { return path_; }
  bool is_directory() const;

  /// The paths of everything below it but directories. Throws std::system_error.
  std::set<std::string> files() const;

  /// Memory that its files take at most: whole pages, holes and hard links as if they were files.
  /// Throws std::system_error.
  std::uint64_t bytes(const Filter& wanted = {}) const;

  /// Writes it below `root_fd`, as `to` there: a directory into one that is there already, a file
  /// in the place of one. Owners, modes, times and hard links are kept. Throws Failure.
  void copy(int root_fd, const std::string& to, Progress& progress,
            const Filter& wanted = {}) const;

 private:
  std::string path_;
  UniqueFd fd_;  ///< O_PATH for what is no directory
};

}  // namespace dboot::rootfs
