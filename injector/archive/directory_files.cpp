#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "injector/archive/content_size.hpp"
#include "injector/archive/file_set.hpp"
#include "injector/failure.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

class DirectoryFiles : public FileSet {
 public:
  DirectoryFiles(const std::string& path, std::string description)
      : description_(std::move(description)),
        directory_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (!directory_) {
      throw Failure(
          "cannot open " + path + ": " + std::generic_category().message(errno),
          errno == ENOTDIR ? "an OCI layout in a file is oci-archive:" + path : "correct the path");
    }
  }

  const std::string& description() const override { return description_; }
  bool contains(const std::string& name) const override { return bool(try_open(name, O_PATH)); }
  bool has_directory(const std::string& name) const override { return contains(name); }
  bool leads_out(const std::string& name) const override {
    struct stat status {};
    return !contains(name) &&
           ::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  }
  std::uint64_t size(const std::string& name) const override {
    return size_of(open_file(name), name);
  }
  std::uint64_t content_size(const std::string& name) const override {
    const UniqueFd fd = open_file(name);
    return image::content_size(fd.get(), 0, size_of(fd, name));
  }
  std::unique_ptr<ByteStream> open(const std::string& name) const override {
    return file_stream(open_file(name), name + " in " + description_);
  }

 private:
  UniqueFd try_open(const std::string& name, std::uint64_t flags) const {
    return sys::try_open_at2(directory_.get(), name, flags, 0,
                             RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  }

  UniqueFd open_file(const std::string& name) const {
    const UniqueFd found = try_open(name, O_PATH);
    if (!found) {
      throw Failure("cannot open " + name + " in " + description_ + ": " +
                        std::generic_category().message(errno),
                    "take an image that is whole");
    }
    struct stat status {};
    sys::check(::fstat(found.get(), &status), "stat ", name);
    if (!S_ISREG(status.st_mode)) {
      throw Failure(name + " in " + description_ + " is no file", "take an image that is whole");
    }
    // Not before: to open a device may do something, and a FIFO makes wait.
    UniqueFd fd = try_open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) sys::fail(errno, {"open ", name, " in ", description_});
    return fd;
  }

  static std::uint64_t size_of(const UniqueFd& fd, const std::string& name) {
    struct stat status {};
    sys::check(::fstat(fd.get(), &status), "stat ", name);
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::string description_;
  UniqueFd directory_;
};

}  // namespace

std::unique_ptr<FileSet> directory_files(const std::string& path, std::string description) {
  return std::make_unique<DirectoryFiles>(path, std::move(description));
}

}  // namespace dboot::image
