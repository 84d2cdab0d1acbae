#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// Where root's Podman listens when systemd's podman.socket is active.
inline constexpr const char* podman_socket = "/run/podman/podman.sock";

/// The image of that name, ID or digest in Podman, whose API is compatible with Docker's. Where
/// nobody listens, `podman system service` is started for the duration. Throws Failure.
std::unique_ptr<Source> open_podman_image(const std::string& name, const EngineOptions& options);

}  // namespace dboot::image
