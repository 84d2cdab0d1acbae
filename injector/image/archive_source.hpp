#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// A root filesystem as a tar archive, compressed or not; its config is empty. Throws Failure when
/// the file cannot be read or is something else.
std::unique_ptr<Source> open_archive(const std::string& path);

}  // namespace dboot::image
