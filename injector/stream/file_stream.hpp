#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "injector/stream/filling_stream.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot {

/// The bytes of a file, a pipe or a terminal from where it stands to its end. An interruption ends
/// the waiting for them. `description` is for messages: "layer.tar".
std::unique_ptr<FillingStream> file_stream(UniqueFd fd, const std::string& description);

/// `size` bytes of a regular file from `offset` on, wherever it stands. `fd` must stay open as long
/// as the stream; several may read it at the same time. Throws Damage when the file is shorter.
std::unique_ptr<FillingStream> file_stream(int fd, std::uint64_t offset, std::uint64_t size,
                                           const std::string& description);

/// The same for who wants a little of it here and there: it can be skipped.
std::unique_ptr<ByteStream> skimmed_file_stream(int fd, std::uint64_t size,
                                                const std::string& description);

}  // namespace dboot
