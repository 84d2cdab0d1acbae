#include "injector/image/podman.hpp"

#include "injector/failure.hpp"

namespace dboot::image {

std::unique_ptr<Source> open_podman_image(const std::string& name,
                                          const EngineOptions& /*engine*/) {
  throw Failure("podman:" + name + " cannot be read yet",
                "name Podman's socket with --host, and the image without podman:");
}

}  // namespace dboot::image
