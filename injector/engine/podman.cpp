#include "injector/engine/podman.hpp"

#include <utility>

#include "injector/engine/image.hpp"
#include "injector/engine/podman_service.hpp"
#include "injector/engine/socket.hpp"
#include "injector/failure.hpp"
#include "injector/interruption.hpp"

namespace dboot::image {
namespace {

bool somebody_listens_at(const std::string& path) {
  try {
    const EngineSocket socket(path);
    return true;
  } catch (const EngineNotRunning&) {
    return false;
  }
}

Engine connect(const std::string& host) {
  if (!host.empty() || somebody_listens_at(podman_socket)) {
    EngineClient client(host.empty() ? podman_socket : engine_socket_path(host));
    std::string shown = "Podman at " + client.socket_path();
    return {std::move(shown), "podman", nullptr, std::move(client)};
  }
  auto service = std::make_unique<PodmanService>();
  try {
    EngineClient client(service->socket_path());
    return {"Podman", "podman", std::move(service), std::move(client)};
  } catch (const Failure& failure) {
    if (interruption::count() > 0 || service->last_words().empty()) throw;
    throw Failure("podman system service does not answer: " + service->last_words(),
                  "try podman system service by hand");
  }
}

}  // namespace

std::unique_ptr<Source> open_podman_image(const std::string& name, const EngineOptions& options) {
  return open_engine_image(connect(options.host), name, options.pull);
}

}  // namespace dboot::image
