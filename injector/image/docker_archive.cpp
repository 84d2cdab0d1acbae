#include "injector/image/docker_archive.hpp"

#include "injector/failure.hpp"

namespace dboot::image {

std::unique_ptr<Source> open_docker_archive(const std::string& path, const std::string& /*image*/) {
  throw Failure("docker-archive:" + path + " cannot be read yet",
                "load it into an engine: docker load -i " + path);
}

}  // namespace dboot::image
