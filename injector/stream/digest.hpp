#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "injector/stream/byte_stream.hpp"

/// What content is called by in the OCI image specification ("descriptor.md").
namespace dboot {

struct Digest {
  std::string algorithm;    ///< sha256 or sha512
  std::string hexadecimal;  ///< as many lower-case digits as the algorithm gives

  bool operator==(const Digest&) const = default;
};

/// "sha256:9f2c…", or nothing where it is another algorithm or not written as it must be.
std::optional<Digest> parse_digest(std::string_view text);
std::string to_string(const Digest& digest);

/// The digest of some bytes, in that algorithm.
Digest digest_of(std::string_view bytes, const std::string& algorithm = "sha256");
/// Of all that comes. Throws what the stream throws.
Digest digest_of(ByteStream& stream, const std::string& algorithm = "sha256");

/// The same bytes, if they are those that `digest` stands for: its end throws Damage when they are
/// not, and so does a byte beyond `size`, if that is known. `description` is the stream's, for
/// messages.
std::unique_ptr<ByteStream> verified_stream(std::unique_ptr<ByteStream> stream, Digest digest,
                                            std::optional<std::uint64_t> size,
                                            std::string description);

}  // namespace dboot
