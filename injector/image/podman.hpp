#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// The image of that name, ID or digest in Podman. Throws Failure.
std::unique_ptr<Source> open_podman_image(const std::string& name, const EngineOptions& engine);

}  // namespace dboot::image
