#include "injector/archive/kind.hpp"

#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "injector/archive/members.hpp"
#include "injector/archive/oci_image.hpp"
#include "injector/document/json.hpp"
#include "injector/document/saved_images.hpp"
#include "injector/failure.hpp"

namespace dboot::image {
namespace {

/// Of the Filesystem Hierarchy Standard 3.0, and those that came later.
constexpr std::array<std::string_view, 22> directories{
    "bin", "boot", "dev",  "etc",  "home", "lib",  "lib32", "lib64", "libx32", "media", "mnt",
    "nix", "opt",  "proc", "root", "run",  "sbin", "srv",   "sys",   "tmp",    "usr",   "var"};

/// Whether it is one, and names something that is there: any file may be called so.
bool is_list_of_images(const FileSet& files) {
  if (!files.contains("manifest.json")) return false;
  try {
    const auto images = parse_saved_images(read_document(files, "manifest.json"));
    return std::any_of(images.begin(), images.end(), [&](const SavedImage& image) {
      return files.contains(image.config) ||
             std::any_of(image.layers.begin(), image.layers.end(),
                         [&](const std::string& layer) { return files.contains(layer); });
    });
  } catch (const std::exception&) {
    return false;
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
  std::string_view file;  ///< by which it is known
  const char* what;
  const char* mend;
};

constexpr std::array<Foreign, 4> foreign{{
    {"repositories", "an archive of Docker before 1.10, without a manifest.json",
     "have Docker write it anew: docker load, then docker save"},
    {"metadata.yaml", "an image of LXD or Incus",
     "unpack it, and name the directory rootfs that is in it as dir:DIRECTORY/rootfs"},
    {"umoci.json", "a bundle of umoci",
     "name the directory rootfs that is in it as dir:DIRECTORY/rootfs"},
    {"version", "a directory that skopeo has written",
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
  if (!is_usual_in_images(member_name(path))) ++additions_;
  return additions_ > most_additions;
}

bool is_root_filesystem_by_names(TarReader& tar) {
  RootFilesystemSigns signs;
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
  refuse_formats_of_others(files.description(),
                           [&](const std::string& name) { return files.contains(name); });
  return Holds::root_filesystem;
}

void refuse_formats_of_others(const std::string& description,
                              const std::function<bool(const std::string& name)>& contains) {
  for (const auto& [file, what, mend] : foreign) {
    if (!contains(std::string(file))) continue;
    // A file of that name may be anybody's.
    if (file == "version" && !contains("manifest.json")) continue;
    throw Failure(description + " is " + what, mend);
  }
}

bool has_a_system(int directory) {
  return std::any_of(directories.begin(), directories.end(), [&](std::string_view name) {
    return ::faccessat(directory, std::string(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  });
}

}  // namespace dboot::image
