#include "injector/archive/recognise.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "injector/archive/docker_archive.hpp"
#include "injector/archive/file_set.hpp"
#include "injector/archive/kind.hpp"
#include "injector/archive/oci_image.hpp"
#include "injector/archive/other_formats.hpp"
#include "injector/archive/root_archive.hpp"
#include "injector/archive/spool.hpp"
#include "injector/failure.hpp"
#include "injector/image/directory.hpp"
#include "injector/preflight/memory.hpp"
#include "injector/stream/damage.hpp"
#include "injector/stream/decompress.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/proc/memory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

const std::string standard_input = "standard input";

/// Null when it is none.
std::unique_ptr<Source> open_image(UniqueFd& fd, const std::string& name) {
  std::shared_ptr<const FileSet> files;
  try {
    files = archive_files_of_image(fd, name);
  } catch (const Damage& damage) {
    throw no_archive(name, damage);
  }
  if (!files) return nullptr;
  return what_is_in(*files) == Holds::oci ? oci_image(std::move(files), "")
                                          : docker_image(std::move(files), "");
}

std::unique_ptr<Source> open_file(UniqueFd fd, const std::string& name) {
  auto image = open_image(fd, name);
  return image ? std::move(image) : file_archive(std::move(fd), name);
}

/// What is kept has to find place beside a root that is at least as large.
Spool spool_of(UniqueFd fd, const std::string& name) {
  const std::uint64_t available = available_memory();
  const std::uint64_t most = available > memory::headroom ? (available - memory::headroom) / 2 : 0;
  return {file_stream(std::move(fd), name), most};
}

std::unique_ptr<Source> open_stream(UniqueFd fd, const std::string& name) {
  auto spool = spool_of(std::move(fd), name);
  bool is_root_filesystem = false;
  try {
    TarReader tar(tar_stream(decompress(spool.reader(), name), name), name);
    is_root_filesystem = is_root_filesystem_by_names(tar, name);
  } catch (const Damage& damage) {
    throw no_archive(name, damage);
  }
  if (is_root_filesystem) return stream_archive(std::move(spool).replay(), name);
  return open_file(std::move(spool).whole(), name);
}

bool is_file(const UniqueFd& fd, const std::string& name) {
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", name);
  if (S_ISREG(status.st_mode)) return true;
  if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) return false;
  throw Failure(name + " is no file and no pipe", "name an archive");
}

UniqueFd take_standard_input() {
  if (::isatty(STDIN_FILENO) != 0) {
    throw Failure("standard input is a terminal", "redirect an archive to it: docker save … |");
  }
  UniqueFd fd(sys::check(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), "standard input"));
  // Nobody may take the rest of an archive for what a person has typed.
  const UniqueFd nothing = sys::open("/dev/null", O_RDONLY);
  sys::check(::dup2(nothing.get(), STDIN_FILENO), "dup2");
  return fd;
}

}  // namespace

std::unique_ptr<Source> open_by_content(UniqueFd fd, const std::string& name) {
  return is_file(fd, name) ? open_file(std::move(fd), name) : open_stream(std::move(fd), name);
}

std::unique_ptr<Source> open_path(const std::string& path) {
  // A FIFO that nobody writes to is waited for where it is read.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    throw Failure("cannot open " + path + ": " + std::generic_category().message(errno),
                  "correct the path; an image of the engine is named without a leading / or .");
  }
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  if (!S_ISDIR(status.st_mode)) return open_by_content(std::move(fd), path);
  const auto contains = [&](const std::string& name) {
    return ::faccessat(fd.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  };
  if (has_a_system(fd.get())) return open_directory_image(path);
  if (contains("oci-layout") && contains("index.json")) return open_oci_layout(path, "");
  refuse_formats_of_others(path, contains);
  return open_directory_image(path);
}

std::unique_ptr<Source> open_standard_input() {
  return open_by_content(take_standard_input(), standard_input);
}

std::unique_ptr<Source> open_standard_input_as_root() {
  auto fd = take_standard_input();
  if (is_file(fd, standard_input)) return file_archive(std::move(fd), standard_input);
  return stream_archive(file_stream(std::move(fd), standard_input), standard_input);
}

UniqueFd keep_standard_input() {
  auto fd = take_standard_input();
  if (is_file(fd, standard_input)) return fd;
  auto spool = spool_of(std::move(fd), standard_input);
  return std::move(spool).whole();
}

}  // namespace dboot::image
