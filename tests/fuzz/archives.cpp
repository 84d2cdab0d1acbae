#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "injector/failure.hpp"
#include "injector/open_image.hpp"
#include "injector/progress.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/scratch.hpp"
#include "tests/fuzz/support/tar_headers.hpp"

namespace {

using namespace dboot;

void unpack(const std::string& reference, int root_fd) {
  try {
    const auto source = image::open(reference, {});
    Progress progress(0);
    source->unpack(root_fd, progress);
  } catch (const Failure& failure) {
    fuzz::require(!fuzz::says_read_only(failure));
  }
}

}  // namespace

/// A file as whatever archive of an image it may be.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Scratch scratch;
  const UniqueFd file(sys::check(::memfd_create("image", MFD_CLOEXEC), "memfd"));
  sys::write_all(file.get(), fuzz::with_checksums(fuzz::text_of(data, size)));
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  for (const char* transport : {"docker-archive:", "oci-archive:", "tar:", ""}) {
    unpack(transport + path, scratch.root());
  }
  scratch.check_outside();
  return 0;
}
