#include "injector/archive/oci_image.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "injector/archive/archive_file.hpp"
#include "injector/archive/layered_image.hpp"
#include "injector/document/config_file.hpp"
#include "injector/document/json.hpp"
#include "injector/document/manifest.hpp"
#include "injector/document/platform.hpp"
#include "injector/failure.hpp"
#include "injector/stream/digest.hpp"

namespace dboot::image {
namespace {

/// Registries allow no more than a few, and an index in an index is rare enough.
constexpr std::size_t deepest_index = 8;

std::string blob_name(const Digest& digest) {
  return "blobs/" + digest.algorithm + "/" + digest.hexadecimal;
}

[[noreturn]] void refuse(
    const FileSet& files, const std::string& part, const std::string& why,
    const std::string& mend =
        "name an OCI image that is whole; skopeo inspect shows what is in it") {
  throw Failure("cannot use " + files.description() + ": " + part + ": " + why, mend);
}

/// Bazel and Nix make layouts of links.
[[noreturn]] void refuse_absent(const FileSet& files, const std::string& part,
                                const std::string& what, const std::string& name) {
  if (!files.leads_out(name)) refuse(files, part, what + "is missing");
  refuse(files, part, what + "is a link that leads out of these files, or lies behind one",
         "copy it with what its links lead to: cp -rL DIRECTORY OTHER, or tar -h");
}

/// Sizes are compared before a byte is read.
void check_blob(const FileSet& files, const Descriptor& blob, const std::string& part) {
  const std::string name = blob_name(blob.digest);
  if (!files.contains(name))
    refuse_absent(files, part, "the blob " + to_string(blob.digest) + " ", name);
  if (const std::uint64_t size = files.size(name); size != blob.size) {
    refuse(files, part,
           "the blob " + to_string(blob.digest) + " has " + std::to_string(size) +
               " bytes instead of " + std::to_string(blob.size));
  }
}

std::string read_blob(const FileSet& files, const Descriptor& blob, const std::string& part) {
  check_blob(files, blob, part);
  std::string text = read_document(files, blob_name(blob.digest));
  if (const Digest found = digest_of(text, blob.digest.algorithm); found != blob.digest) {
    refuse(files, part,
           "the digest of the blob " + to_string(blob.digest) + " is " + to_string(found));
  }
  return text;
}

/// Reads what throws BadDocument, and says which document it was.
template <class Read>
auto reading(const FileSet& files, const std::string& part, const Read& read) {
  try {
    return read();
  } catch (const BadDocument& error) {
    refuse(files, part, error.what());
  }
}

/// Of an index of many platforms Docker saves what it has: a better one may not be there.
Descriptor choose_what_is_there(const FileSet& files, const std::vector<Descriptor>& index,
                                const std::string& image) {
  const auto best = choose(index, image, running_platform());
  if (files.contains(blob_name(best.digest))) return best;
  std::vector<Descriptor> there;
  for (const auto& descriptor : index) {
    if (files.contains(blob_name(descriptor.digest))) there.push_back(descriptor);
  }
  try {
    return choose(there, image, running_platform());
  } catch (const BadDocument&) {
    return best;
  }
}

/// Picks one, and says how to ask for another.
Descriptor choose_from(const FileSet& files, const std::vector<Descriptor>& index,
                       const std::string& image) {
  const auto refuse_with = [&](const BadDocument& error, const std::string& mend) {
    throw Failure("cannot use " + files.description() + ": " + error.what(), mend);
  };
  try {
    return choose_what_is_there(files, index, image);
  } catch (const NoSuchPlatform& error) {
    const auto running = running_platform();
    refuse_with(error, "take it for this machine: docker pull --platform " + running.os + "/" +
                           running.architecture + ", or skopeo copy --override-arch " +
                           running.architecture);
  } catch (const BadDocument& error) {
    refuse_with(error, "name the one that is meant: " + with_ref(files.description()));
  }
  return {};
}

void check_layout(const FileSet& files) {
  const std::string name = "oci-layout";
  if (!files.contains(name))
    refuse(files, name, "it is missing, so this is no OCI image layout",
           files.contains("manifest.json") ? "name it as docker-archive:FILE"
                                           : "name a root filesystem as tar:FILE or dir:DIRECTORY");
  const std::string version = reading(files, name, [&] {
    return string_member(parse_json(read_document(files, name)), "imageLayoutVersion");
  });
  if (!version.starts_with("1.")) refuse(files, name, "the version is '" + version + "', not 1.x");
}

/// From the index down to the manifest of an image.
Descriptor find_manifest(const FileSet& files, const std::string& image) {
  check_layout(files);
  const std::string top = "index.json";
  if (!files.contains(top)) refuse_absent(files, top, "it ", top);
  auto index = reading(
      files, top, [&] { return parse_index(read_document(files, top), media_type::oci_index); });
  Descriptor chosen = choose_from(files, index, image);
  std::set<std::string> seen;
  for (;;) {
    const std::string part = "index " + to_string(chosen.digest);
    const auto type =
        reading(files, to_string(chosen.digest), [&] { return document_type(chosen.media_type); });
    if (type == DocumentType::manifest) return chosen;
    if (seen.size() == deepest_index || !seen.insert(part).second)
      refuse(files, part, "it lies too deep below other indexes");
    index = reading(files, part,
                    [&] { return parse_index(read_blob(files, chosen, part), chosen.media_type); });
    chosen = choose_from(files, index, "");
  }
}

rootfs::Layer layer_of(const std::shared_ptr<const FileSet>& files, const Descriptor& blob,
                       const std::string& part) {
  check_blob(*files, blob, part);
  rootfs::Layer layer;
  layer.description = part + " of " + files->description();
  layer.size = blob.size;
  layer.open = [files, blob, description = layer.description] {
    return verified_stream(files->open(blob_name(blob.digest)), blob.digest, blob.size,
                           description);
  };
  return layer;
}

}  // namespace

bool leads_to_layers(const FileSet& files) noexcept {
  try {
    const auto chosen = parse_index(read_document(files, "index.json"), media_type::oci_index);
    return std::any_of(chosen.begin(), chosen.end(), [&](const Descriptor& descriptor) {
      if (document_type(descriptor.media_type) == DocumentType::index) return true;
      const auto text = read_blob(files, descriptor, "manifest");
      return !list_member(parse_json(text), "layers").empty();
    });
  } catch (const std::exception&) {
    return false;
  }
}

std::unique_ptr<Source> oci_image(std::shared_ptr<const FileSet> files, const std::string& image) {
  const Descriptor chosen = find_manifest(*files, image);
  const std::string manifest_part = "manifest " + to_string(chosen.digest);
  const Manifest manifest = reading(*files, manifest_part, [&] {
    return parse_manifest(read_blob(*files, chosen, manifest_part), chosen.media_type);
  });
  const std::string config_part = "config " + to_string(manifest.config.digest);
  const ConfigFile config = reading(*files, config_part, [&] {
    return parse_config_file(read_blob(*files, manifest.config, config_part));
  });
  check_runs_here(config.config);
  if (config.diff_ids.size() != manifest.layers.size()) {
    refuse(*files, config_part,
           "it speaks of " + std::to_string(config.diff_ids.size()) +
               " layers, and the manifest of " + std::to_string(manifest.layers.size()));
  }

  LayeredImage result;
  result.description = "image " + (image.empty() ? "" : image + " ") + "of " + files->description();
  result.digest = to_string(chosen.digest);
  result.config = config.config;
  for (const Descriptor& blob : manifest.layers) {
    result.layers.push_back(layer_of(files, blob, "layer " + to_string(blob.digest)));
    result.estimated_bytes += files->content_size(blob_name(blob.digest));
  }
  result.files = std::move(files);
  return layered_source(std::move(result));
}

std::unique_ptr<Source> open_oci_layout(const std::string& path, const std::string& image) {
  return oci_image(directory_files(path, "oci:" + path), image);
}

std::unique_ptr<Source> open_oci_archive(const std::string& path, const std::string& image) {
  return oci_image(
      archive_files(open_archive_file(path, mend_of_path_before_ref), "oci-archive:" + path),
      image);
}

}  // namespace dboot::image
