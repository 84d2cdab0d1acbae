#include "injector/document/saved_images.hpp"

#include "injector/document/json.hpp"
#include "tests/fuzz/support/input.hpp"

/// docker save's manifest.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  try {
    const auto images = image::parse_saved_images(fuzz::text_of(data, size));
    for (const char* name : {"", "debian", "debian:latest", "@0", "@18446744073709551616"}) {
      try {
        const auto& chosen = image::choose(images, name);
        fuzz::require(&chosen >= images.data() && &chosen < images.data() + images.size());
      } catch (const image::BadDocument&) {
      }
    }
  } catch (const image::BadDocument&) {
  }
  return 0;
}
