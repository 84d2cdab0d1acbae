#include "injector/image/archive_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "injector/failure.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {

UniqueFd open_archive_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    throw Failure("cannot open " + path + ": " + std::generic_category().message(errno),
                  "correct the path; it ends at the first colon");
  }
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  if (S_ISREG(status.st_mode)) return fd;
  if (S_ISDIR(status.st_mode)) {
    throw Failure(path + " is a directory",
                  "an OCI image layout is oci:" + path + ", a root filesystem dir:" + path);
  }
  throw Failure(path + " is no file", "give a stream to standard input, and name it -");
}

}  // namespace dboot::image
