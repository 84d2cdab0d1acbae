#pragma once

#include <memory>
#include <string>

#include "injector/engine/client.hpp"
#include "injector/engine/podman_service.hpp"
#include "injector/image/source.hpp"

namespace dboot::image {

/// An engine that answers.
struct Engine {
  std::string name;     ///< for messages: "the engine at /run/docker.sock", "Podman"
  std::string command;  ///< its command line's: "docker"
  std::unique_ptr<PodmanService> service;  ///< when it was started for this image
  EngineClient client;
};

/// The image of that name, ID or digest; fetched first where `pull` says so. Throws Failure.
std::unique_ptr<Source> open_engine_image(Engine engine, const std::string& name, Pull pull);

/// The same of a Docker engine, or of Podman through the API that is compatible with it. Throws
/// Failure when the engine does not answer, has no such image, or the image is for another machine.
/// Reference: https://docs.docker.com/reference/api/engine/
std::unique_ptr<Source> open_engine_image(const std::string& name, const EngineOptions& options);

}  // namespace dboot::image
