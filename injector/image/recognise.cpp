#include "injector/image/recognise.hpp"

#include <sys/stat.h>

#include "injector/failure.hpp"
#include "injector/image/archive_source.hpp"
#include "injector/image/directory.hpp"
#include "injector/image/oci_image.hpp"

namespace dboot::image {

std::unique_ptr<Source> open_path(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return open_archive(path);
  const bool is_layout = ::stat((path + "/oci-layout").c_str(), &status) == 0;
  return is_layout ? open_oci_layout(path, "") : open_directory_image(path);
}

std::unique_ptr<Source> open_standard_input() {
  throw Failure("standard input cannot be read yet", "name a file");
}

}  // namespace dboot::image
