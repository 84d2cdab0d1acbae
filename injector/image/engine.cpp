#include "injector/image/engine.hpp"

#include <utility>

#include "injector/image/engine_image.hpp"
#include "injector/image/engine_socket.hpp"

namespace dboot::image {

std::unique_ptr<Source> open_engine_image(const std::string& name, const EngineOptions& options) {
  EngineClient client(docker_socket_path(options.host));
  std::string shown = "the engine at " + client.socket_path();
  return open_engine_image({std::move(shown), "docker", nullptr, std::move(client)}, name,
                           options.pull);
}

}  // namespace dboot::image
