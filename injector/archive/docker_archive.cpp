#include "injector/archive/docker_archive.hpp"

#include <optional>
#include <utility>

#include "injector/archive/archive_file.hpp"
#include "injector/archive/layered_image.hpp"
#include "injector/document/config_file.hpp"
#include "injector/document/json.hpp"
#include "injector/document/platform.hpp"
#include "injector/document/saved_images.hpp"
#include "injector/failure.hpp"
#include "injector/stream/decompress.hpp"
#include "injector/stream/digest.hpp"

namespace dboot::image {
namespace {

constexpr const char* list_name = "manifest.json";

[[noreturn]] void refuse(const FileSet& files, const std::string& why) {
  throw Failure("cannot use " + files.description() + ": " + why,
                "name what docker save or podman save has written, as a whole");
}

SavedImage choose_from(const FileSet& files, const std::string& image) {
  if (!files.contains(list_name)) {
    throw Failure("cannot use " + files.description() + ": " + list_name +
                      " is missing, so this is no archive of docker save",
                  files.contains("oci-layout")
                      ? "name it as oci-archive:FILE"
                      : "name a root filesystem as tar:FILE or dir:DIRECTORY");
  }
  std::vector<SavedImage> images;
  try {
    images = parse_saved_images(read_document(files, list_name));
  } catch (const BadDocument& error) {
    refuse(files, std::string(list_name) + ": " + error.what());
  }
  try {
    return choose(images, image);
  } catch (const BadDocument& error) {
    throw Failure("cannot use " + files.description() + ": " + error.what(),
                  "name the one that is meant: " + with_ref(files.description()));
  }
}

/// The digest that a member is named by: "blobs/sha256/9f2c…" since Docker 25, "9f2c….json" for
/// configs before.
std::optional<Digest> digest_in(const std::string& name, const std::string& suffix) {
  constexpr std::string_view blobs = "blobs/sha256/";
  if (name.starts_with(blobs)) return parse_digest("sha256:" + name.substr(blobs.size()));
  if (suffix.empty() || !name.ends_with(suffix)) return std::nullopt;
  return parse_digest("sha256:" + name.substr(0, name.size() - suffix.size()));
}

ConfigFile read_config(const FileSet& files, const std::string& name) {
  if (!files.contains(name)) refuse(files, "the config " + name + " is missing");
  const std::string text = read_document(files, name);
  const auto digest = digest_in(name, ".json");
  if (digest && digest_of(text) != *digest) {
    refuse(files, "the digest of the config " + name + " is " + to_string(digest_of(text)));
  }
  try {
    return parse_config_file(text);
  } catch (const BadDocument& error) {
    refuse(files, "the config " + name + ": " + error.what());
  }
}

/// A layer that is stored by its digest is verified by that. Others only by the digest of what they
/// hold, so they are decompressed here; most are plain.
rootfs::Layer layer_of(const std::shared_ptr<const FileSet>& files, const std::string& name,
                       const std::string& diff_id) {
  if (!files->contains(name)) refuse(*files, "the layer " + name + " is missing");
  const auto content = parse_digest(diff_id);
  if (!content) refuse(*files, "the diff_id '" + diff_id + "' is no sha256 or sha512 digest");
  const auto stored = digest_in(name, "");
  rootfs::Layer layer;
  layer.description = "layer " + name + " of " + files->description();
  layer.size = files->size(name);
  layer.open = [files, name, stored, content, description = layer.description] {
    auto stream = files->open(name);
    if (stored) return verified_stream(std::move(stream), *stored, std::nullopt, description);
    return verified_stream(decompress(std::move(stream), description), *content, std::nullopt,
                           description);
  };
  return layer;
}

}  // namespace

std::unique_ptr<Source> docker_image(std::shared_ptr<const FileSet> files,
                                     const std::string& image) {
  const SavedImage saved = choose_from(*files, image);
  const ConfigFile config = read_config(*files, saved.config);
  check_runs_here(config.config);
  if (saved.layers.empty()) refuse(*files, "the image has no layers");
  if (config.diff_ids.size() != saved.layers.size()) {
    refuse(*files, "the config speaks of " + std::to_string(config.diff_ids.size()) +
                       " layers, and " + list_name + " of " + std::to_string(saved.layers.size()));
  }

  LayeredImage result;
  result.description = "image " + (image.empty() ? "" : image + " ") + "of " + files->description();
  if (const auto id = digest_in(saved.config, ".json")) result.digest = to_string(*id);
  result.config = config.config;
  for (std::size_t index = 0; index < saved.layers.size(); ++index) {
    const std::string& name = saved.layers[index];
    result.layers.push_back(layer_of(files, name, config.diff_ids[index]));
    result.estimated_bytes += files->content_size(name);
  }
  result.files = std::move(files);
  return layered_source(std::move(result));
}

std::unique_ptr<Source> open_docker_archive(const std::string& path, const std::string& image) {
  return docker_image(
      archive_files(open_archive_file(path, mend_of_path_before_ref), "docker-archive:" + path),
      image);
}

}  // namespace dboot::image
