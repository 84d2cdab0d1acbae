#include "injector/archive/archive_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "injector/archive/other_formats.hpp"
#include "injector/failure.hpp"
#include "injector/stream/decompress.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {

UniqueFd open_archive_file(const std::string& path, const char* mend) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    throw Failure("cannot open " + path + ": " + std::generic_category().message(errno),
                  path == "-" ? "- alone is standard input" : mend);
  }
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  if (S_ISREG(status.st_mode)) return fd;
  if (S_ISDIR(status.st_mode)) {
    throw Failure(path + " is a directory",
                  "an OCI image layout is oci:" + path + ", a root filesystem dir:" + path);
  }
  throw Failure(path + " is no file", "redirect it to standard input, and name it -: … - <" + path);
}

bool is_compressed(int fd, std::uint64_t size, const std::string& description) {
  std::string begin(compression_magic, '\0');
  const std::size_t most = std::min<std::uint64_t>(begin.size(), size);
  const ssize_t count = sys::check(::pread(fd, begin.data(), most, 0), "read ", description);
  begin.resize(static_cast<std::size_t>(count));
  return compression_of(begin) != Compression::none;
}

std::unique_ptr<TarReader> read_archive(int fd, std::uint64_t size,
                                        const std::string& description) {
  auto stream = is_compressed(fd, size, description)
                    ? decompress(file_stream(fd, 0, size, description), description)
                    : skimmed_file_stream(fd, size, description);
  return std::make_unique<TarReader>(tar_stream(std::move(stream), description), description);
}

}  // namespace dboot::image
