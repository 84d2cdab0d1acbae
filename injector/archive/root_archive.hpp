#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "injector/image/source.hpp"
#include "injector/stream/byte_stream.hpp"
#include "shared/system/unique_fd.hpp"

/// A root filesystem as a tar archive, compressed or not; its config is empty.
namespace dboot::image {

/// In a file. Throws Failure when it cannot be read or is something else.
std::unique_ptr<Source> open_archive(const std::string& path);

/// In a regular file that has been opened; `name` is for messages. Throws Failure when it is
/// something else.
std::unique_ptr<Source> file_archive(UniqueFd fd, const std::string& name);

/// From a stream, of whose length nothing is known.
std::unique_ptr<Source> stream_archive(std::unique_ptr<ByteStream> stream, const std::string& name);

}  // namespace dboot::image
