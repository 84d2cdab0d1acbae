#include "injector/unpack/layers.hpp"

#include <utility>

#include "injector/unpack/entry_writer.hpp"
#include "injector/unpack/extract.hpp"

namespace dboot::rootfs {

// From the lowest to the topmost. The other way round nothing would be written twice, but what an
// upper layer says may need what a lower one has: a hardlink into it, a parent that is a symlink
// there, a file that is hidden and yet the only one of its links that holds the content. All names
// seen would have to be remembered as well. What is written twice is little, and it is written
// while another thread decompresses, which takes longer.
void apply_layers(std::span<const Layer> layers, int root_fd, Progress& progress) {
  EntryWriter writer(root_fd);
  const auto open = [&](std::size_t number) -> std::unique_ptr<ByteStream> {
    if (number >= layers.size()) return nullptr;
    return open_tar(layers[number].open(), root_fd, layers[number].description);
  };
  std::unique_ptr<ByteStream> next = open(0);
  for (std::size_t number = 0; number < layers.size(); ++number) {
    auto current = std::exchange(next, nullptr);
    next = open(number + 1);
    if (number > 0) writer.begin_layer();
    extract(std::move(current), writer, Whiteouts::hide, root_fd, progress,
            layers[number].description);
  }
  writer.finish();
}

}  // namespace dboot::rootfs
