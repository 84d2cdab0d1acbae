#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

/// Sources that are known by what is in them.
namespace dboot::image {

/// A file or a directory. Throws Failure.
std::unique_ptr<Source> open_path(const std::string& path);

/// Standard input. Throws Failure.
std::unique_ptr<Source> open_standard_input();

}  // namespace dboot::image
