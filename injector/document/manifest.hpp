#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "injector/document/json.hpp"
#include "injector/document/platform.hpp"
#include "injector/stream/digest.hpp"

/// The documents that lead from a name to layers: OCI's ("image-index.md", "manifest.md",
/// "descriptor.md" of the image specification) and Docker's (Image Manifest Version 2, Schema 2).
/// Everything here is pure, and throws BadDocument.
namespace dboot::image {

/// Content by its digest, and what is said about it.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  Platform platform;               ///< empty where nothing is said
  std::vector<std::string> names;  ///< what an index calls it
  bool is_artifact = false;        ///< something else than an image: a signature, a chart
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  ///< the lowest first
};

enum class DocumentType : std::uint8_t { index, manifest };

/// What a document of this media type is. Throws BadDocument, with a reason, for all others.
DocumentType document_type(const std::string& media_type);

/// The descriptors of an index or of Docker's manifest list. `media_type`: what the document was
/// announced as.
std::vector<Descriptor> parse_index(std::string_view text, const std::string& media_type);

/// The manifest of an image whose layers can be applied.
Manifest parse_manifest(std::string_view text, const std::string& media_type);

/// There is an image, and none for this machine.
class NoSuchPlatform : public BadDocument {
  using BadDocument::BadDocument;
};

/// The one that `name` means (empty: any) on `running`. What nobody could mean, such as the
/// attestations that buildkit adds, is left out. Throws BadDocument that lists what is there.
const Descriptor& choose(std::span<const Descriptor> index, const std::string& name,
                         const Platform& running);

namespace media_type {
inline constexpr const char* oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* oci_manifest = "application/vnd.oci.image.manifest.v1+json";
}  // namespace media_type

}  // namespace dboot::image
