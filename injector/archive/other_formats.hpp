#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "injector/failure.hpp"
#include "injector/stream/byte_stream.hpp"
#include "injector/stream/damage.hpp"

/// Files that people take for archives of a root filesystem, or of an image.
namespace dboot::image {

struct OtherFormat {
  std::string what;  ///< "a zip archive"
  std::string mend;
};

/// How many bytes other_format() likes to see: those of an ISO 9660 come latest.
inline constexpr std::size_t begin_of_formats = 36 * 1024;

/// What begins like that and is no tar archive; empty for one, and for what is not known. `begin`
/// is of what was decompressed, and shorter than begin_of_formats where there is no more.
std::optional<OtherFormat> other_format(std::string_view begin);

/// The same stream, when it may be a tar archive. Throws Failure with what it is, and what to do,
/// when it is empty or of another format that is known. `description` is for messages.
std::unique_ptr<ByteStream> tar_stream(std::unique_ptr<ByteStream> stream,
                                       const std::string& description);

/// For what begins as an archive and cannot be read to its end.
Failure no_archive(const std::string& description, const Damage& damage);

}  // namespace dboot::image
