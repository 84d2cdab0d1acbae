#include "injector/unpack/no_space.hpp"

#include <sys/statvfs.h>

#include "injector/byte_size.hpp"
#include "injector/failure.hpp"

namespace dboot::rootfs {

void report_no_space(int root_fd, const std::string& entry) {
  struct statvfs status {};
  std::string used;
  if (::fstatvfs(root_fd, &status) == 0) {
    const auto bytes = (status.f_blocks - status.f_bfree) * status.f_frsize;
    used = ": " + byte_size(bytes) + " of " + byte_size(status.f_blocks * status.f_frsize) +
           " and " + std::to_string(status.f_files - status.f_ffree) + " of " +
           std::to_string(status.f_files) + " files are used";
  }
  throw Failure("the RAM root is full" + used + ", at " + entry,
                "give it more with --root-size, or take a machine with more memory");
}

}  // namespace dboot::rootfs
