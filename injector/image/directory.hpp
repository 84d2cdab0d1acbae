#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// A root filesystem that lies in a directory; its config is empty. Throws Failure.
std::unique_ptr<Source> open_directory_image(const std::string& path);

}  // namespace dboot::image
