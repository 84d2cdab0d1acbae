#include "injector/document/manifest.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "injector/document/image_name.hpp"
#include "injector/document/json.hpp"

namespace dboot::image {
namespace {

namespace json = boost::json;

constexpr const char* docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr const char* docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view docker_schema1 = "application/vnd.docker.distribution.manifest.v1";

constexpr std::array<std::string_view, 2> configs{
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
};
/// What the specification names, and the other compressions in the same manner.
constexpr std::array<std::string_view, 9> layers{
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.v1.tar+xz",
    "application/vnd.oci.image.layer.v1.tar+bzip2",
    "application/vnd.oci.image.layer.v1.tar+lz4",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
};
constexpr std::array<std::string_view, 2> foreign_layers{
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
};

template <class Range>
bool contains(const Range& range, std::string_view wanted) {
  return std::find(range.begin(), range.end(), wanted) != range.end();
}

Platform parse_platform(const json::value& value) {
  return {string_member(value, "os"), string_member(value, "architecture"),
          string_member(value, "variant")};
}

/// References that an index gives its entries, and containerd's name for the whole of it.
std::vector<std::string> parse_names(const json::value& annotations) {
  std::vector<std::string> names;
  for (const char* key : {"org.opencontainers.image.ref.name", "io.containerd.image.name"}) {
    if (std::string name = string_member(annotations, key); !name.empty())
      names.push_back(std::move(name));
  }
  return names;
}

Descriptor parse_descriptor(const json::value& value, const std::string& where) try {
  if (!value.is_object()) throw BadDocument("it is no object");
  Descriptor result;
  result.media_type = string_member(value, "mediaType");
  const std::string digest = string_member(value, "digest");
  const auto parsed = parse_digest(digest);
  if (!parsed) throw BadDocument("'" + digest + "' is no sha256 or sha512 digest");
  result.digest = *parsed;
  result.size = size_member(value, "size");
  result.platform = parse_platform(member(value, "platform"));
  result.names = parse_names(member(value, "annotations"));
  const auto artifact = string_member(value, "artifactType");
  result.is_artifact = (!artifact.empty() && !contains(configs, artifact)) ||
                       result.media_type == "application/vnd.oci.artifact.manifest.v1+json";
  return result;
} catch (const BadDocument& error) {
  throw BadDocument(where + ": " + error.what());
}

/// The two kinds of documents must not be mistaken for each other: the digest would be right, and
/// the image another one.
json::value parse_document(std::string_view text, const std::string& media_type,
                           std::string_view own_list, std::string_view other_list) {
  json::value document = parse_json(text);
  if (!document.is_object()) throw BadDocument("it is no object");
  const auto* version = member(document, "schemaVersion").if_int64();
  if (version != nullptr && *version == 1) throw BadDocument("it is a manifest of schema 1");
  if (version == nullptr || *version != 2) throw BadDocument("its schemaVersion is not 2");
  if (const std::string own = string_member(document, "mediaType");
      !own.empty() && own != media_type)
    throw BadDocument("it is announced as " + media_type + ", and says itself that it is " + own);
  if (!member(document, other_list).is_null()) {
    throw BadDocument("it has " + std::string(own_list) + " and " + std::string(other_list));
  }
  return document;
}

void check_layer(const Descriptor& layer, const std::string& where) {
  const std::string& type = layer.media_type;
  if (type.ends_with("+encrypted")) throw BadDocument(where + " is encrypted (" + type + ")");
  for (const std::string_view foreign : foreign_layers) {
    if (!type.starts_with(foreign)) continue;
    throw BadDocument(
        where + " must not be distributed, so that its content is not in the image (" + type + ")");
  }
  if (!contains(layers, type)) {
    throw BadDocument(where + " is no layer of a filesystem: its media type is '" + type + "'");
  }
}

bool is_attestation(const Descriptor& descriptor) {
  return descriptor.platform.os == "unknown" && descriptor.platform.architecture == "unknown";
}

bool is_called(const Descriptor& descriptor, const std::string& name) {
  if (name.empty() || to_string(descriptor.digest) == name) return true;
  return std::any_of(descriptor.names.begin(), descriptor.names.end(), [&](const auto& own) {
    return own == name || normal_name(own) == normal_name(name);
  });
}

std::string list_of_names(std::span<const Descriptor> index) {
  std::vector<std::string> names;
  for (const Descriptor& descriptor : index) {
    if (is_attestation(descriptor) || descriptor.is_artifact) continue;
    const auto& own = descriptor.names;
    // Docker gives the tag alone, and the whole name as containerd has it.
    names.push_back(own.empty()       ? to_string(descriptor.digest)
                    : own.size() == 1 ? own.front()
                                      : normal_name(own.back()));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return list_of_some(names);
}

std::string list_of_platforms(std::span<const Descriptor* const> candidates) {
  std::string text;
  for (const Descriptor* candidate : candidates) {
    const std::string platform = to_string(candidate->platform);
    if (text.find(platform) == std::string::npos) text += (text.empty() ? "" : ", ") + platform;
  }
  return text;
}

/// What is meant, whatever platform it is for; the same content counts once.
std::vector<const Descriptor*> candidates_of(std::span<const Descriptor> index,
                                             const std::string& name) {
  std::vector<const Descriptor*> result;
  for (const Descriptor& descriptor : index) {
    if (is_attestation(descriptor) || !is_called(descriptor, name)) continue;
    // Nobody means it by the name of no image in particular.
    if (descriptor.is_artifact && name.empty()) continue;
    const bool known = std::any_of(result.begin(), result.end(), [&](const Descriptor* other) {
      return other->digest == descriptor.digest && other->platform == descriptor.platform;
    });
    if (!known) result.push_back(&descriptor);
  }
  return result;
}

}  // namespace

DocumentType document_type(const std::string& media_type) {
  if (media_type == media_type::oci_index || media_type == docker_list) return DocumentType::index;
  if (media_type == media_type::oci_manifest || media_type == docker_manifest)
    return DocumentType::manifest;
  if (media_type.starts_with(docker_schema1)) {
    throw BadDocument("it is a manifest of schema 1, which Docker gave up in 2017 (" + media_type +
                      "); docker pull and docker push make a new one");
  }
  throw BadDocument("it is neither an index nor a manifest: its media type is '" + media_type +
                    "'");
}

std::vector<Descriptor> parse_index(std::string_view text, const std::string& media_type) {
  const json::value document = parse_document(text, media_type, "manifests", "layers");
  if (!member(document, "config").is_null()) throw BadDocument("it has manifests and config");
  std::vector<Descriptor> result;
  for (const json::value& entry : list_member(document, "manifests")) {
    result.push_back(parse_descriptor(entry, "manifests[" + std::to_string(result.size()) + "]"));
  }
  return result;
}

Manifest parse_manifest(std::string_view text, const std::string& media_type) {
  const json::value document = parse_document(text, media_type, "layers", "manifests");
  Manifest result;
  result.config = parse_descriptor(member(document, "config"), "config");
  if (!contains(configs, result.config.media_type)) {
    throw BadDocument("it is no image that can be started: its config is of the media type '" +
                      result.config.media_type + "'");
  }
  std::uint64_t total = 0;
  for (const json::value& entry : list_member(document, "layers")) {
    const std::string where = "layers[" + std::to_string(result.layers.size()) + "]";
    result.layers.push_back(parse_descriptor(entry, where));
    check_layer(result.layers.back(), where);
    total += result.layers.back().size;
    if (total > std::numeric_limits<std::int64_t>::max())
      throw BadDocument(where + ": the sizes of the layers add up to more than there can be");
  }
  if (result.layers.empty()) throw BadDocument("it has no layers");
  return result;
}

const Descriptor& choose(std::span<const Descriptor> index, const std::string& name,
                         const Platform& running) {
  const auto candidates = candidates_of(index, name);
  if (candidates.empty()) {
    throw BadDocument(
        (name.empty() ? "there is no image in it" : "there is no " + name + " in it") +
        "; there is " + list_of_names(index));
  }
  if (candidates.size() == 1 && candidates.front()->platform == Platform())
    return *candidates.front();

  const auto called_otherwise = [&](const Descriptor* candidate) {
    return candidate->names != candidates.front()->names;
  };
  if (name.empty() && std::any_of(candidates.begin(), candidates.end(), called_otherwise))
    throw BadDocument("there are several images in it: " + list_of_names(index));

  const Descriptor* best = nullptr;
  int highest = 0;
  bool ambiguous = false;
  for (const Descriptor* candidate : candidates) {
    const auto fit = candidate->platform == Platform() ? 0 : fitness(candidate->platform, running);
    if (!fit || (best != nullptr && *fit < highest)) continue;
    ambiguous = best != nullptr && *fit == highest;
    best = candidate;
    highest = *fit;
  }
  if (best == nullptr) {
    throw NoSuchPlatform("it has no image for " + running.os + "/" + running.architecture +
                         ", only for " + list_of_platforms(candidates));
  }
  if (ambiguous) throw BadDocument("there are several images in it: " + list_of_names(index));
  return *best;
}

}  // namespace dboot::image
