#pragma once

#include <memory>
#include <string>

#include "injector/archive/file_set.hpp"
#include "injector/image/source.hpp"

/// Images in what `docker save` and `podman save` write. `image` is one of its tags, or "@N", the
/// N-th counted from 0; empty: the only one.
namespace dboot::image {

/// Throws Failure.
std::unique_ptr<Source> open_docker_archive(const std::string& path, const std::string& image);

/// From the members of such an archive. Its list and the config are read now, layers when they are
/// applied. Throws Failure.
std::unique_ptr<Source> docker_image(std::shared_ptr<const FileSet> files,
                                     const std::string& image);

}  // namespace dboot::image
