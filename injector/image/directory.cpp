#include "injector/image/directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "injector/failure.hpp"
#include "injector/unpack/copy_tree.hpp"
#include "injector/unpack/directory_content.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::image {
namespace {

UniqueFd open_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    throw Failure("cannot open " + path + ": " + std::generic_category().message(errno),
                  errno == ENOTDIR ? "an archive is tar:" + path
                                   : std::string("name the directory of a root filesystem"));
  }
  return fd;
}

class DirectorySource : public Source {
 public:
  explicit DirectorySource(std::string path) : path_(std::move(path)), fd_(open_directory(path_)) {
    estimated_bytes_ = rootfs::directory_content::memory_bytes(fd_.get());
  }

  const ImageConfig& config() const override { return config_; }
  std::uint64_t estimated_bytes() const override { return estimated_bytes_; }
  std::string description() const override { return "directory " + path_; }

  void unpack(int root_fd, Progress& progress) override {
    using rootfs::Overlay;
    rootfs::copy_tree(Overlay({fd_.get()}, Overlay::Whiteouts::are_devices), root_fd, progress,
                      description());
  }

 private:
  std::string path_;
  UniqueFd fd_;
  ImageConfig config_;
  std::uint64_t estimated_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_directory_image(const std::string& path) {
  try {
    return std::make_unique<DirectorySource>(path);
  } catch (const std::system_error& error) {
    throw Failure("cannot read directory " + path + ": " + error.what(),
                  "leave it as it is while it is read, and try again");
  }
}

}  // namespace dboot::image
