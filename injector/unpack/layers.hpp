#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "injector/progress.hpp"
#include "injector/stream/byte_stream.hpp"

namespace dboot::rootfs {

/// A layer of an image: a tar archive of what it changes.
struct Layer {
  std::string description;  ///< for messages: "layer sha256:9f2c… of oci:image"
  std::uint64_t size = 0;   ///< bytes of the archive as it is stored; 0 when nobody knows
  /// The archive as it is stored, compressed or not, from its begin. The stream checks its digest
  /// by itself and throws Failure at the end where that is wrong.
  std::function<std::unique_ptr<ByteStream>()> open;
};

/// Applies the layers, the first one being the lowest, below `root_fd`, which is empty: whiteouts
/// and opaque directories as the OCI image specification says ("layer.md"). Throws Failure; what
/// has been written until then stays.
void apply_layers(std::span<const Layer> layers, int root_fd, Progress& progress);

}  // namespace dboot::rootfs
