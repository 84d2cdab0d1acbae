#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "injector/unpack/xattrs.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::rootfs {

/// Why a stack of directories is one that only overlayfs itself can show.
class NeedsOverlayfs : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One name in a stack of directories. Of a directory there may be several layers, the uppermost
/// first; of everything else there is the uppermost alone.
struct StackedEntry {
  std::string name;
  unsigned char type = 0;  ///< DT_REG, DT_DIR, …
  std::vector<unsigned> layers;
};

/// A directory as it is in one layer.
struct OverlayDirectory {
  unsigned layer = 0;
  UniqueFd fd;
};

/// The directories of an overlay mount, the uppermost first, read as overlayfs shows them, without
/// mounting it: https://docs.kernel.org/filesystems/overlayfs.html, "whiteouts and opaque
/// directories". Reading never leaves them: symlinks are not followed, other mounts not entered.
/// Any thread may use it.
class Overlay {
 public:
  enum class Whiteouts : bool { are_devices, are_honoured };

  /// `layers` belong to the caller. Where `whiteouts` are not honoured, a directory is shown as it
  /// is.
  Overlay(std::vector<int> layers, Whiteouts whiteouts)
      : layers_(std::move(layers)), whiteouts_(whiteouts) {}

  struct OpenDirectory {
    std::vector<OverlayDirectory>
        layers;     ///< the uppermost first; none: something is mounted there
    Xattrs xattrs;  ///< of the uppermost
  };
  /// Throws std::system_error, and NeedsOverlayfs for what cannot be seen from its content
  /// (redirected directories).
  OpenDirectory open(const std::string& path, const std::vector<unsigned>& layers) const;

  /// What is in it, without whiteouts and what they hide. Throws as open().
  std::vector<StackedEntry> list(const OpenDirectory& directory) const;

  /// Opens a regular file for reading. Empty with errno on failure, EXDEV when something is mounted
  /// there.
  UniqueFd open_file(unsigned layer, const std::string& path) const {
    return open_file_at(layers_.at(layer), path);
  }
  static UniqueFd open_file_at(int directory, const std::string& path);

  std::vector<unsigned> all_layers() const;

 private:
  std::vector<int> layers_;
  Whiteouts whiteouts_;
};

/// Throws NeedsOverlayfs when the names of a file's or directory's xattrs say that its content is
/// elsewhere.
void refuse_what_overlayfs_assembles(const std::vector<std::string>& xattrs,
                                     const std::string& path);

}  // namespace dboot::rootfs
