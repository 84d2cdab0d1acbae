#include "injector/image/archive_kind.hpp"

#include <archive_entry.h>

#include <array>
#include <string_view>

#include "injector/image/archive_members.hpp"

namespace dboot::image {
namespace {

bool is_hexadecimal(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// "9f2c….json", "9f2c….tar.gz", "sha256:9f2c…": what different programs call configs and layers.
bool is_named_by_digest(std::string_view file) {
  if (file.starts_with("sha256:")) file.remove_prefix(7);
  const auto dot = file.find('.');
  if (!is_hexadecimal(file.substr(0, dot))) return false;
  const std::string_view suffix = dot == std::string_view::npos ? "" : file.substr(dot);
  return suffix.empty() || suffix == ".json" || suffix.starts_with(".tar") || suffix == ".tgz";
}

}  // namespace

bool is_of_an_image(const std::string& name) {
  constexpr std::array<std::string_view, 5> documents{"oci-layout", "index.json", "manifest.json",
                                                      "repositories", "blobs"};
  for (const std::string_view document : documents) {
    if (name == document) return true;
  }
  const auto slash = name.find('/');
  if (slash == std::string::npos) return is_named_by_digest(name);
  const std::string_view directory = std::string_view(name).substr(0, slash);
  const std::string_view rest = std::string_view(name).substr(slash + 1);
  if (directory == "blobs") return rest.starts_with("sha256") || rest.starts_with("sha512");
  return is_hexadecimal(directory) &&
         (rest == "json" || rest == "VERSION" || rest.starts_with("layer.tar"));
}

bool may_be_of_an_image(const std::string& path) {
  return path == "." || path == "./" || is_of_an_image(member_name(path));
}

ArchiveKind kind_of(ArchiveWalk& walk) {
  bool has_layout = false;
  bool has_list = false;
  while (archive_entry* entry = walk.next()) {
    const char* raw = ::archive_entry_pathname(entry);
    const std::string path = raw == nullptr ? "" : raw;
    if (!may_be_of_an_image(path)) return ArchiveKind::root_filesystem;
    const std::string name = member_name(path);
    has_layout = has_layout || name == "oci-layout";
    has_list = has_list || name == "manifest.json";
  }
  if (has_layout) return ArchiveKind::oci;
  return has_list ? ArchiveKind::docker : ArchiveKind::root_filesystem;
}

}  // namespace dboot::image
