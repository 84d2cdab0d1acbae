#include "injector/image/source.hpp"

#include "injector/image/archive_source.hpp"
#include "injector/image/engine.hpp"

namespace dboot::image {

bool is_path(const std::string& reference) {
  return reference.starts_with("/") || reference.starts_with("./") || reference.starts_with("../");
}

std::unique_ptr<Source> open(const std::string& reference, const EngineOptions& engine) {
  if (is_path(reference)) return open_archive(reference);
  return open_engine_image(reference, engine);
}

}  // namespace dboot::image
