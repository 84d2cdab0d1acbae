#include "injector/image/oci_image.hpp"

#include "injector/failure.hpp"

namespace dboot::image {

std::unique_ptr<Source> open_oci_layout(const std::string& path, const std::string& /*image*/) {
  throw Failure("oci:" + path + " cannot be read yet", "");
}

std::unique_ptr<Source> open_oci_archive(const std::string& path, const std::string& /*image*/) {
  throw Failure("oci-archive:" + path + " cannot be read yet", "");
}

}  // namespace dboot::image
