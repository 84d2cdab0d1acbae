#include <vector>

#include "injector/failure.hpp"
#include "injector/progress.hpp"
#include "injector/unpack/layers.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_stream.hpp"
#include "tests/fuzz/support/scratch.hpp"
#include "tests/fuzz/support/tar_headers.hpp"

namespace {

using namespace dboot;

/// Stands between the layers of an input, the lowest of which comes first.
constexpr std::string_view separator = "\n--layer--\n";

std::vector<std::string> split(std::string_view input) {
  constexpr std::size_t most = 8;
  std::vector<std::string> parts;
  while (parts.size() < most) {
    const auto end = input.find(separator);
    parts.push_back(fuzz::with_checksums(input.substr(0, end)));
    if (end == std::string_view::npos) break;
    input.remove_prefix(end + separator.size());
  }
  return parts;
}

}  // namespace

/// Nothing is left outside of the root, and what goes wrong is a Failure that says so.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Scratch scratch;
  const auto parts = split(fuzz::text_of(data, size));
  std::vector<rootfs::Layer> layers;
  for (const auto& part : parts) {
    layers.push_back({"layer " + std::to_string(layers.size()), part.size(),
                      [&part] { return std::make_unique<fuzz::MemoryStream>(part); }});
  }
  Progress progress(0);
  try {
    rootfs::apply_layers(layers, scratch.root(), progress);
  } catch (const Failure& failure) {
    fuzz::require(!fuzz::says_read_only(failure));
  }
  scratch.check_outside();
  return 0;
}
