#include "injector/stream/decompress.hpp"

#include "injector/failure.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_stream.hpp"

/// One byte of the input says in pieces of which size the rest arrives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  if (size == 0) return 0;
  constexpr std::size_t enough = 8U << 20U;  // a bomb has no end, and the next MiB is like this one
  const std::size_t piece = data[0] == 0 ? size : data[0];
  try {
    const auto stream = decompress(
        std::make_unique<fuzz::MemoryStream>(fuzz::text_of(data + 1, size - 1), piece), "input");
    std::size_t total = 0;
    while (total < enough) {
      const auto bytes = stream->next();
      if (bytes.empty()) break;
      total += bytes.size();
    }
    if (total < enough) fuzz::require(stream->next().empty());
  } catch (const Failure&) {
  }
  return 0;
}
