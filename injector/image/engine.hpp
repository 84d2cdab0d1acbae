#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// The image of that name, ID or digest in a Docker engine, or in Podman through the API that is
/// compatible with it. Throws Failure when the engine does not answer, has no such image, or the
/// image is for another machine. Reference: https://docs.docker.com/reference/api/engine/
std::unique_ptr<Source> open_engine_image(const std::string& name, const EngineOptions& options);

}  // namespace dboot::image
