#include "injector/unpack/unpack.hpp"

#include <utility>

#include "injector/unpack/entry_writer.hpp"
#include "injector/unpack/extract.hpp"

namespace dboot::rootfs {

void unpack(std::unique_ptr<ByteStream> stream, int root_fd, Progress& progress,
            const std::string& description) {
  EntryWriter writer(root_fd);
  extract(open_tar(std::move(stream), root_fd, description), writer, Whiteouts::ordinary_names,
          root_fd, progress, description);
  writer.finish();
}

}  // namespace dboot::rootfs
