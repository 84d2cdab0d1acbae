#include "injector/open_image.hpp"

#include <unistd.h>

#include "injector/archive/docker_archive.hpp"
#include "injector/archive/file_set.hpp"
#include "injector/archive/oci_image.hpp"
#include "injector/archive/recognise.hpp"
#include "injector/archive/root_archive.hpp"
#include "injector/engine/image.hpp"
#include "injector/engine/podman.hpp"
#include "injector/image/directory.hpp"
#include "injector/image/reference.hpp"
#include "injector/report.hpp"

namespace dboot::image {

namespace {

/// Without the image in it.
std::string text_of(const Reference& reference) {
  return name_of(reference.transport) + ':' + reference.location;
}

}  // namespace

std::unique_ptr<Source> open(const std::string& text, const EngineOptions& engine) {
  const Reference reference = parse_reference(text);
  const std::string& location = reference.location;
  switch (reference.transport) {
    case Transport::engine:
      if (::access(location.c_str(), F_OK) == 0) {
        report::warning(
            "taken for the name of an image, although there is a file of that name",
            {{"image", location}, {log::mend_key, "say ./" + location + " for the file"}});
      }
      break;
    case Transport::podman:
      return open_podman_image(location, engine);
    case Transport::docker_archive:
      if (location == "-")
        return docker_image(archive_files(keep_standard_input(), text_of(reference)),
                            reference.image);
      return open_docker_archive(location, reference.image);
    case Transport::oci_archive:
      if (location == "-")
        return oci_image(archive_files(keep_standard_input(), text_of(reference)), reference.image);
      return open_oci_archive(location, reference.image);
    case Transport::oci_layout:
      return open_oci_layout(location, reference.image);
    case Transport::directory:
      return open_directory_image(location);
    case Transport::tar:
      return location == "-" ? open_standard_input_as_root() : open_archive(location);
    case Transport::standard_input:
      return open_standard_input();
    case Transport::path:
      return open_path(location);
  }
  return open_engine_image(location, engine);
}

}  // namespace dboot::image
