#include "injector/rootfs/unpack.hpp"

#include <archive.h>

#include <utility>

#include "injector/rootfs/entry_writer.hpp"
#include "injector/rootfs/extract.hpp"
#include "injector/stream/damage.hpp"

namespace dboot::rootfs {

void unpack(std::unique_ptr<ByteStream> stream, int root_fd, Progress& progress,
            const std::string& description) {
  EntryWriter writer(root_fd);
  const auto tar = open_tar(std::move(stream), root_fd, description);
  extract(*tar, writer, Whiteouts::ordinary_names, root_fd, progress, description);
  writer.finish();
}

void unpack(archive* reader, int root_fd, Progress& progress, const std::string& description) {
  EntryWriter writer(root_fd);
  const auto check = [&](int result) {
    // Warnings are about names that are no text in this locale: they are bytes to us.
    if (result >= ARCHIVE_WARN && result != ARCHIVE_RETRY) return result;
    const char* reason = ::archive_error_string(reader);
    throw Damage(description, reason == nullptr ? "unknown error" : reason);
  };
  extract(reader, check, writer, Whiteouts::ordinary_names, root_fd, progress, description);
  writer.finish();
}

}  // namespace dboot::rootfs
