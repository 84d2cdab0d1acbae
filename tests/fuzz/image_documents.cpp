#include "injector/document/config_file.hpp"
#include "injector/document/json.hpp"
#include "injector/document/manifest.hpp"
#include "tests/fuzz/support/input.hpp"

namespace {

using namespace dboot;

template <class Parse>
void parse(Parse parse_document) {
  try {
    parse_document();
  } catch (const image::BadDocument&) {
  }
}

}  // namespace

/// The same bytes as every document of an image.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  parse([&] { image::parse_config_file(text); });
  parse([&] { image::parse_manifest(text, image::media_type::oci_manifest); });
  parse([&] { image::parse_manifest(text, ""); });
  parse([&] {
    const auto index = image::parse_index(text, image::media_type::oci_index);
    for (const char* name : {"", "latest", "@0"}) {
      parse([&] { image::choose(index, name, {"linux", "amd64", ""}); });
      parse([&] { image::choose(index, name, {"linux", "arm", "v7"}); });
    }
  });
  return 0;
}
