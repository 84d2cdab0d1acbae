#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// What IMAGE names, wherever that is: reference.hpp says how. Throws Failure.
std::unique_ptr<Source> open(const std::string& reference, const EngineOptions& engine);

}  // namespace dboot::image
