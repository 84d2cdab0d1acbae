#pragma once

#include <sys/types.h>
#include <time.h>

#include <functional>
#include <string>
#include <unordered_map>

#include "injector/unpack/bad_entry.hpp"
#include "injector/unpack/removal.hpp"
#include "injector/unpack/written_names.hpp"
#include "injector/unpack/xattrs.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::rootfs {

/// What an entry of an archive sets beside its content.
struct Metadata {
  mode_t mode = 0;  ///< permissions, with setuid, setgid and sticky
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
  Xattrs xattrs;
};

/// Makes files below a root directory, whatever is already there: the parent is opened beneath the
/// root, and everything else happens in it by name, without following anything. What is in the way
/// is replaced, with everything below it, except by a directory where there is one already: that
/// one gets the new attributes. Paths are as clean_path() returns them and not empty, except for
/// directory(). All functions throw std::system_error.
class EntryWriter {
 public:
  explicit EntryWriter(int root_fd) : root_(root_fd) {}

  /// What is there is of lower layers from now on: what whiteouts hide.
  void begin_layer();

  /// The root itself when the path is empty.
  void directory(const std::string& path, const Metadata& metadata);
  /// `write` gets the new, empty file.
  void file(const std::string& path, const Metadata& metadata,
            const std::function<void(int fd)>& write);
  void symlink(const std::string& path, const Metadata& metadata, const std::string& target);
  void hardlink(const std::string& path, const std::string& target);
  /// A device or a FIFO: `type` is S_IFCHR, S_IFBLK or S_IFIFO.
  void node(const std::string& path, const Metadata& metadata, mode_t type, dev_t device);

  /// Removes what lower layers have at `path`, if anything: what the current layer has written
  /// there stays, whether before or after.
  void whiteout(const std::string& path);
  /// The same for everything in the directory `path`, which may be empty.
  void opaque(const std::string& path);

  /// Sets what writing into the directories would have changed, or what would have changed what is
  /// written: their times and default ACLs. To be called last.
  void finish();

 private:
  struct Place {
    int parent;
    std::string name;
  };
  struct Finish {
    std::string path;
    timespec mtime;
    Xattrs default_acl;
  };

  Place place(const std::string& path);
  UniqueFd make_parent(const std::string& path);
  bool replace_lower_file(const std::string& path);
  template <class Make>
  auto make(const Place& place, const std::string& path, Make make);
  UniqueFd make_directory(const Place& place, const std::string& path, bool& is_new);
  void remember(const Place& place);
  Keep written_here() const;

  int root_;
  UniqueFd parent_;  ///< the parent of the last entry: the next one is mostly beside it
  std::string parent_path_;
  ino_t parent_inode_ = 0;
  bool parent_stale_ = false;
  std::unordered_map<ino_t, Finish> directories_;
  bool has_lower_ = false;
  WrittenNames written_;  ///< where there are lower layers
};

/// The path of an entry relative to the root, without empty components and dots; empty for the root
/// itself. Absolute names are taken as relative to the root. Throws BadEntry for an empty name and
/// for one with "..".
std::string clean_path(const std::string& name);

}  // namespace dboot::rootfs
