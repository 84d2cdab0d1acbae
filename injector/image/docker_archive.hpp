#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"

namespace dboot::image {

/// An image in what `docker save` and `podman save` write. `image` is one of its tags, or "@N", the
/// N-th counted from 0; empty: the only one. Throws Failure.
std::unique_ptr<Source> open_docker_archive(const std::string& path, const std::string& image);

}  // namespace dboot::image
