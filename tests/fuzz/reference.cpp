#include "injector/image/reference.hpp"

#include "injector/failure.hpp"
#include "injector/image/stop_signal.hpp"
#include "tests/fuzz/support/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  const std::string text(fuzz::text_of(data, size));
  try {
    const image::Reference reference = image::parse_reference(text);
    fuzz::require(reference.location.size() <= text.size());
    image::name_of(reference.transport);
  } catch (const Failure&) {
  }
  if (const auto number = image::parse_signal(text)) fuzz::require(*number >= 1 && *number <= 64);
  return 0;
}
