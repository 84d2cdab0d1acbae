#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "injector/archive/file_set.hpp"
#include "injector/stream/tar_reader.hpp"

/// What an archive holds whose name says nothing of it.
namespace dboot::image {

/// Whether `path` lies where a Linux system keeps its files: "etc/passwd", "./usr". Archives of
/// images have no such member; nearly every root filesystem has one.
bool is_of_a_system(const std::string& path);

/// Tells a root filesystem from an image by the names of its members, long before the last one, so
/// that a stream of it need not be kept: there is one of a system, or there are more of other kinds
/// than anybody adds to an image ("LICENSE", ".DS_Store").
class RootFilesystemSigns {
 public:
  static constexpr int most_additions = 64;

  /// `description` names the archive.
  explicit RootFilesystemSigns(std::string description) : description_(std::move(description)) {}

  /// To be given every member's path. True as soon as the archive is known to be a root filesystem.
  /// Throws Failure as refuse_formats_of_others() does.
  bool show(const std::string& path);

 private:
  std::string description_;
  std::set<std::string> marks_;  ///< of the formats of others
  bool has_root_directory_ = false;
  int additions_ = 0;
};

/// Reads names until these signs are there, or to the end: true when they are. Throws Failure.
bool is_root_filesystem_by_names(TarReader& tar, const std::string& description);

enum class Holds {
  root_filesystem,
  docker,  ///< what `docker save` writes: manifest.json
  oci,     ///< an OCI image layout; since Docker 25 `docker save` writes both in one
};

/// Throws Failure, with what to do, when the files are an image as other programs keep theirs
/// (LXD, umoci, skopeo's dir:). `description` names the archive or directory; `contains` tells
/// whether a file, or a directory, is in it.
void refuse_formats_of_others(const std::string& description,
                              const std::function<bool(const std::string& name)>& contains);

/// Whether a directory has an entry that a system has: etc, usr, …
bool has_a_system(int directory);
/// What is at the top of a directory that has none: "layout/", "a, b and 7 more"; empty where it
/// has. Throws std::system_error.
std::string top_without_a_system(int directory);

/// Decides by documents alone: a manifest.json that leads to files of the archive, an index that
/// leads to layers. A file that is merely called so makes no image. Throws Failure as
/// refuse_formats_of_others() does.
Holds what_is_in(const FileSet& files);

}  // namespace dboot::image
