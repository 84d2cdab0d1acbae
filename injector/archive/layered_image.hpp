#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "injector/archive/file_set.hpp"
#include "injector/image/image_config.hpp"
#include "injector/image/source.hpp"
#include "injector/unpack/layers.hpp"

namespace dboot::image {

/// An image whose layers are files.
struct LayeredImage {
  std::string description;
  std::string digest;  ///< see Source
  ImageConfig config;
  std::vector<rootfs::Layer> layers;     ///< the lowest first
  std::uint64_t estimated_bytes = 0;     ///< of the contents of all layers
  std::shared_ptr<const FileSet> files;  ///< what the layers are read from
};

/// Applies the layers when it is asked to, and makes sure that every one of them has been read, and
/// so verified, to its end.
std::unique_ptr<Source> layered_source(LayeredImage image);

}  // namespace dboot::image
