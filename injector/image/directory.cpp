#include "injector/image/directory.hpp"

#include "injector/failure.hpp"

namespace dboot::image {

std::unique_ptr<Source> open_directory_image(const std::string& path) {
  throw Failure(path + " is a directory",
                "make an archive of it: tar -C " + path + " -cf root.tar .");
}

}  // namespace dboot::image
