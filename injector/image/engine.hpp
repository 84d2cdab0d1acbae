#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// The image of that name, ID or digest in a Docker engine, or in Podman through the API that is
/// compatible with it. Throws Failure when the engine does not answer, has no such image, or the
/// image is for another machine. Reference: https://docs.docker.com/reference/api/engine/
std::unique_ptr<Source> open_engine_image(const std::string& name, const EngineOptions& engine);

/// The path of the socket that `host` names: "unix:///path", "/path", or empty for the default.
/// Throws Failure for anything else (tcp://, ssh://).
std::string engine_socket(const std::string& host);

/// Throws Failure when programs of an image for `os` and `architecture` (as Go names them; empty:
/// not said) do not run on `machine`, which is as uname(2) names it.
void check_platform(const std::string& os, const std::string& architecture,
                    const std::string& machine);

}  // namespace dboot::image
