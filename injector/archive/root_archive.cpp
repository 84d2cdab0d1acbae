#include "injector/archive/root_archive.hpp"

#include <sys/stat.h>

#include <utility>

#include "injector/archive/archive_file.hpp"
#include "injector/archive/content_size.hpp"
#include "injector/archive/other_formats.hpp"
#include "injector/failure.hpp"
#include "injector/stream/damage.hpp"
#include "injector/stream/file_stream.hpp"
#include "injector/unpack/unpack.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

/// Its stream is read once, as Source::unpack promises.
class ArchiveSource : public Source {
 public:
  ArchiveSource(std::unique_ptr<ByteStream> stream, const std::string& name,
                std::uint64_t estimated_bytes, UniqueFd fd = {})
      : description_("archive " + name),
        fd_(std::move(fd)),
        stream_(std::move(stream)),
        estimated_bytes_(estimated_bytes) {}

  const ImageConfig& config() const override { return config_; }
  std::uint64_t estimated_bytes() const override { return estimated_bytes_; }
  std::string description() const override { return description_; }

  void unpack(int root_fd, Progress& progress) override {
    rootfs::unpack(std::move(stream_), root_fd, progress, description_);
  }

 private:
  std::string description_;
  UniqueFd fd_;  ///< what the stream reads from
  std::unique_ptr<ByteStream> stream_;
  ImageConfig config_;
  std::uint64_t estimated_bytes_;
};

}  // namespace

std::unique_ptr<Source> open_archive(const std::string& path) {
  return file_archive(open_archive_file(path, "correct the path"), path);
}

std::unique_ptr<Source> file_archive(UniqueFd fd, const std::string& name) {
  constexpr const char* mend = "name a tar archive of a root filesystem";
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", name);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  bool empty = false;
  try {
    empty = read_archive(fd.get(), size, name)->next() == nullptr;
  } catch (const Damage& damage) {
    throw no_archive(name, damage);
  }
  if (empty) throw Failure(name + " is an archive without a file in it", mend);
  auto stream = file_stream(fd.get(), 0, size, name);
  const std::uint64_t estimated = content_size(fd.get(), 0, size);
  return std::make_unique<ArchiveSource>(std::move(stream), name, estimated, std::move(fd));
}

std::unique_ptr<Source> stream_archive(std::unique_ptr<ByteStream> stream,
                                       const std::string& name) {
  return std::make_unique<ArchiveSource>(std::move(stream), name, 0);
}

}  // namespace dboot::image
