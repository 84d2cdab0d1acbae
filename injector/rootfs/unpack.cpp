#include "injector/rootfs/unpack.hpp"

#include <utility>

#include "injector/rootfs/entry_writer.hpp"
#include "injector/rootfs/extract.hpp"

namespace dboot::rootfs {

void unpack(std::unique_ptr<ByteStream> stream, int root_fd, Progress& progress,
            const std::string& description) {
  EntryWriter writer(root_fd);
  const auto tar = open_tar(std::move(stream), root_fd, description);
  extract(*tar, writer, Whiteouts::ordinary_names, root_fd, progress, description);
  writer.finish();
}

}  // namespace dboot::rootfs
