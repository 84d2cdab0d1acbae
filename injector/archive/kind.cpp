#include "injector/archive/kind.hpp"

#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "injector/archive/members.hpp"
#include "injector/archive/oci_image.hpp"
#include "injector/document/json.hpp"
#include "injector/document/saved_images.hpp"
#include "injector/failure.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/directory.hpp"

namespace dboot::image {
namespace {

/// Of the Filesystem Hierarchy Standard 3.0, and those that came later.
constexpr std::array<std::string_view, 22> directories{
    "bin", "boot", "dev",  "etc",  "home", "lib",  "lib32", "lib64", "libx32", "media", "mnt",
    "nix", "opt",  "proc", "root", "run",  "sbin", "srv",   "sys",   "tmp",    "usr",   "var"};

/// Whether it is one, and names something that is there: any file may be called so. One that
/// cannot be read is taken for one, so that what is wrong with it is told.
bool is_list_of_images(const FileSet& files) {
  if (!files.contains("manifest.json")) return false;
  if (files.contains("repositories")) return true;
  try {
    const auto document = parse_json(read_document(files, "manifest.json"));
    // A web application has one, too.
    if (!document.is_array()) return false;
    if (document.get_array().empty()) return true;
    const auto images = parse_saved_images(read_document(files, "manifest.json"));
    return std::any_of(images.begin(), images.end(), [&](const SavedImage& image) {
      return files.contains(image.config) ||
             std::any_of(image.layers.begin(), image.layers.end(),
                         [&](const std::string& layer) { return files.contains(layer); });
    });
  } catch (const std::exception&) {
    return true;
  }
}

/// Whether programs that write images give such names to documents, configs and layers, or macOS to
/// what it has to say about these: "blobs/…", "HEX/json", "ID/layer.tar", "HEX.tar.gz",
/// "._HEX.json".
bool is_usual_in_images(std::string_view name) {
  const auto first = name.substr(0, name.find('/'));
  if (first.empty() || first == "blobs") return true;
  constexpr std::size_t digest_size = 64;
  if (first.substr(0, first.find_first_not_of("0123456789abcdef")).size() >= digest_size)
    return true;
  auto last = name.substr(name.rfind('/') + 1);
  if (last.starts_with("._")) last.remove_prefix(2);
  if (last == "oci-layout" || last == "repositories" || last == "json" || last == "VERSION")
    return true;
  return last.ends_with(".json") || last.ends_with(".tgz") ||
         last.find(".tar") != std::string_view::npos || last.starts_with("sha256:");
}

struct Foreign {
  std::string_view file;    ///< by which it is known
  std::string_view beside;  ///< what must be there, too: a file of that name may be anybody's
  const char* what;
  const char* mend;
};

constexpr std::array<Foreign, 7> foreign{{
    {"repositories", "", "an archive of Docker before 1.10, without a manifest.json",
     "have Docker write it anew: docker load, then docker save"},
    {"metadata.yaml", "rootfs", "an image of LXD or Incus",
     "unpack it, and name the directory rootfs that is in it as dir:DIRECTORY/rootfs"},
    {"metadata.yaml", "", "the description of an image of LXD or Incus, without its files",
     "name the archive that belongs to it (rootfs.tar.xz), or unpack its rootfs.squashfs with "
     "unsquashfs -d DIRECTORY, and name dir:DIRECTORY"},
    {"umoci.json", "", "a bundle of umoci",
     "name the directory rootfs that is in it as dir:DIRECTORY/rootfs"},
    {"config.json", "rootfs", "a bundle of runc",
     "name the directory rootfs that is in it as dir:DIRECTORY/rootfs"},
    {"config", "rootfs", "a container of LXC",
     "name the directory rootfs that is in it as dir:DIRECTORY/rootfs"},
    {"version", "manifest.json", "a directory that skopeo has written",
     "have skopeo write it anew: skopeo copy dir:DIRECTORY oci:OTHER, and name oci:OTHER"},
}};

}  // namespace

bool is_of_a_system(const std::string& path) {
  const auto name = member_name(path);
  const auto first = std::string_view(name).substr(0, name.find('/'));
  return std::find(directories.begin(), directories.end(), first) != directories.end();
}

bool RootFilesystemSigns::show(const std::string& path) {
  if (is_of_a_system(path)) return true;
  const auto name = member_name(path);
  for (const auto& format : foreign) {
    if (name == format.file) marks_.insert(name);
  }
  if (name == "rootfs" || name.starts_with("rootfs/")) has_root_directory_ = true;
  if (!is_usual_in_images(name)) ++additions_;
  if (additions_ <= most_additions) return false;
  refuse_formats_of_others(description_, [&](const std::string& file) {
    return file == "rootfs" ? has_root_directory_ : marks_.contains(file);
  });
  return true;
}

bool is_root_filesystem_by_names(TarReader& tar, const std::string& description) {
  RootFilesystemSigns signs(description);
  while (archive_entry* entry = tar.next()) {
    const char* path = ::archive_entry_pathname(entry);
    if (path != nullptr && signs.show(path)) return true;
  }
  return false;
}

Holds what_is_in(const FileSet& files) {
  const bool has_list = is_list_of_images(files);
  const bool is_layout = files.contains("oci-layout") && files.contains("index.json");
  // Docker 25.0 has written layouts beside it in which there is nothing.
  if (is_layout && (!has_list || leads_to_layers(files))) return Holds::oci;
  if (has_list) return Holds::docker;
  refuse_formats_of_others(files.description(), [&](const std::string& name) {
    return name == "rootfs" ? files.has_directory(name) : files.contains(name);
  });
  return Holds::root_filesystem;
}

void refuse_formats_of_others(const std::string& description,
                              const std::function<bool(const std::string& name)>& contains) {
  for (const auto& [file, beside, what, mend] : foreign) {
    const auto has_both =
        contains(std::string(file)) && (beside.empty() || contains(std::string(beside)));
    if (has_both) throw Failure(description + " is " + what, mend);
  }
}

std::string top_without_a_system(int directory) {
  constexpr std::size_t most = 5;
  if (has_a_system(directory)) return "";
  auto entries = entries_of(directory, "the new root");
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<std::string> names;
  for (const auto& [name, type] : entries) names.push_back(name + (type == DT_DIR ? "/" : ""));
  if (names.empty()) return "nothing";
  const auto more = names.size() - std::min(names.size(), most);
  if (more > 0) names.resize(most);
  return joined(names, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

bool has_a_system(int directory) {
  return std::any_of(directories.begin(), directories.end(), [&](std::string_view name) {
    return ::faccessat(directory, std::string(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  });
}

}  // namespace dboot::image
