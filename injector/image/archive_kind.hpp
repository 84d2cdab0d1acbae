#pragma once

#include <functional>
#include <string>

#include "injector/image/archive_walk.hpp"
#include "injector/image/file_set.hpp"

/// What an archive holds whose name says nothing of it.
namespace dboot::image {

/// Whether a member of that path lies where a system has its files: "etc/passwd", "./usr". No
/// archive of an image has one, and hardly a root filesystem has none: it is known by the first.
bool is_of_a_system(const std::string& path);

/// Knows a root filesystem by the names of its members, and before its end: one of a system, or
/// more names of other kinds than anybody adds to an image.
class RootFilesystemSigns {
 public:
  static constexpr int most_additions = 64;

  /// Takes the next member's path. Whether the archive is now known to be a root filesystem.
  bool show(const std::string& path);

 private:
  int additions_ = 0;
};

/// Whether the archive is known to be a root filesystem by its names, read as far as that takes.
/// Throws Failure.
bool is_root_filesystem_by_names(ArchiveWalk& walk);

enum class Holds {
  root_filesystem,
  docker,  ///< what `docker save` writes: manifest.json
  oci,     ///< an OCI image layout; since Docker 25 `docker save` writes both in one
};

/// Throws Failure for the formats of other programs, with what to do. `description` is whose files
/// they are, `contains` whether one is there.
void refuse_formats_of_others(const std::string& description,
                              const std::function<bool(const std::string& name)>& contains);

/// Whether a directory has one that a system has.
bool has_a_system(int directory);

/// What these files are, none of which lies where a system has its files: decided by documents that
/// lead to what is there, and by no names. Throws Failure for the formats of other programs, with
/// what to do.
Holds what_is_in(const FileSet& files);

}  // namespace dboot::image
