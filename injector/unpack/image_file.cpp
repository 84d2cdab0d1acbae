#include "injector/unpack/image_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/unpack/beneath.hpp"
#include "injector/unpack/hidden.hpp"
#include "injector/unpack/no_space.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

void replace(int root_fd, const std::string& path, std::string_view text, mode_t mode) {
  const auto slash = path.rfind('/');
  const auto directory = slash == std::string::npos ? "" : path.substr(0, slash);
  const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  refuse_hidden(root_fd, directory);
  const UniqueFd parent = make_directories_beneath(root_fd, directory);
  if (::unlinkat(parent.get(), name.c_str(), 0) < 0 && errno != ENOENT)
    sys::fail(errno, {"replace /", path});
  const UniqueFd fd =
      sys::open_at(parent.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  sys::write_all(fd.get(), text);
  sys::check(::fchmod(fd.get(), mode), "chmod /", path);
}

}  // namespace

void refuse_hidden(int root_fd, const std::string& path) {
  const auto hidden = hidden_below(root_fd, path);
  if (hidden.empty()) return;
  throw Failure("/" + path + " of the image is hidden by what the new system mounts on " + hidden,
                "make /" + path + " a directory in the image");
}

void write_image_file(int root_fd, const std::string& path, std::string_view text, mode_t mode) {
  try {
    replace(root_fd, path, text, mode);
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOSPC) report_no_space(root_fd, path);
    throw Failure("/" + path + " of the image cannot be written: " + error.what(),
                  "take the root filesystem of a Linux system");
  }
}

}  // namespace dboot::rootfs
