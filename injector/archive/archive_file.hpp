#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "injector/stream/tar_reader.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// An archive that is a regular file. Throws Failure, with what is wrong about the path; `mend` is
/// for one that is not there.
UniqueFd open_archive_file(const std::string& path, const char* mend);
/// For the transports that allow a :REF behind the path.
inline constexpr const char* mend_of_path_before_ref =
    "correct the path; it ends at the first colon";

/// Whether the file is compressed. Throws std::system_error.
bool is_compressed(int fd, std::uint64_t size, const std::string& description);

/// Reads the archive in a file from its begin, wherever the file stands; it must stay open.
/// Contents that nobody asks for are passed over, unless they are compressed. Throws Failure when
/// it is no tar archive.
std::unique_ptr<TarReader> read_archive(int fd, std::uint64_t size, const std::string& description);

}  // namespace dboot::image
