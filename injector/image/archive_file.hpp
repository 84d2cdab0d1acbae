#pragma once

#include <string>

#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// An archive that is a regular file. Throws Failure, with what is wrong about the path.
UniqueFd open_archive_file(const std::string& path);

}  // namespace dboot::image
