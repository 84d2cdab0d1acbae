#include "injector/image/archive_source.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "injector/failure.hpp"
#include "injector/image/archive_reader.hpp"
#include "injector/rootfs/unpack.hpp"
#include "shared/syscalls.hpp"
#include "shared/unique_fd.hpp"

namespace dboot::image {
namespace {

constexpr std::size_t block_size = 1U << 20U;

/// What gzip says about itself in its last four bytes (RFC 1952, ISIZE): the size modulo 4 GiB, and
/// only of the last member. Where that cannot be the whole truth, 0.
std::uint64_t gzip_content_size(int fd, std::uint64_t file_size) {
  constexpr std::uint64_t modulus = std::uint64_t{1} << 32U;
  std::array<unsigned char, 4> bytes{};
  if (file_size < bytes.size() || file_size > modulus / 8) return 0;
  const auto offset = static_cast<off_t>(file_size - bytes.size());
  if (::pread(fd, bytes.data(), bytes.size(), offset) != static_cast<ssize_t>(bytes.size()))
    return 0;
  std::uint64_t size = 0;
  for (std::size_t byte = bytes.size(); byte-- > 0;) size = size << 8U | bytes.at(byte);
  return size >= file_size ? size : 0;
}

class ArchiveSource : public Source {
 public:
  ArchiveSource(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {
    struct stat status {};
    sys::check(::fstat(fd_.get(), &status), "stat ", path_);
    if (S_ISDIR(status.st_mode)) {
      throw Failure(path_ + " is a directory",
                    "make an archive of it: tar -C " + path_ + " -cf root.tar .");
    }
    if (!S_ISREG(status.st_mode)) throw Failure(path_ + " is no file", "name an archive");
    probe(static_cast<std::uint64_t>(status.st_size));
  }

  const ImageConfig& config() const override { return config_; }
  std::uint64_t estimated_bytes() const override { return estimated_bytes_; }
  std::string description() const override { return "archive " + path_; }

  void unpack(int root_fd, Progress& progress) override {
    const ArchiveReader reader = open();
    rootfs::unpack(reader.get(), root_fd, progress, description());
  }

 private:
  ArchiveReader open() const {
    sys::check(::lseek(fd_.get(), 0, SEEK_SET), "rewind ", path_);
    ArchiveReader reader = new_archive_reader();
    if (::archive_read_open_fd(reader.get(), fd_.get(), block_size) != ARCHIVE_OK) refuse(*reader);
    return reader;
  }

  void probe(std::uint64_t file_size) {
    const ArchiveReader reader = open();
    archive_entry* entry = nullptr;
    const int result = ::archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) throw Failure(path_ + " is empty", mend);
    if (result < ARCHIVE_WARN) refuse(*reader);
    switch (::archive_filter_code(reader.get(), 0)) {
      case ARCHIVE_FILTER_NONE:
        estimated_bytes_ = file_size;
        break;
      case ARCHIVE_FILTER_GZIP:
        estimated_bytes_ = gzip_content_size(fd_.get(), file_size);
        break;
      default:
        break;
    }
  }

  [[noreturn]] void refuse(archive& reader) const {
    const char* reason = ::archive_error_string(&reader);
    throw Failure(path_ + " is no archive that can be read: " +
                      (reason == nullptr ? "unknown error" : reason),
                  mend);
  }

  static constexpr const char* mend = "name a tar archive of a root filesystem";

  std::string path_;
  UniqueFd fd_;
  ImageConfig config_;
  std::uint64_t estimated_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_archive(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    throw Failure("cannot open " + path + ": " + std::generic_category().message(errno),
                  "correct the path; an image of the engine is named without a leading / or .");
  }
  return std::make_unique<ArchiveSource>(path, std::move(fd));
}

}  // namespace dboot::image
