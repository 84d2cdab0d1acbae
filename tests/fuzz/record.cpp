#include "shared/log/record.hpp"

#include "shared/log/destination.hpp"
#include "tests/fuzz/support/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  const auto text = fuzz::text_of(data, size);
  if (const auto record = log::parse(text)) {
    const std::string line = log::format(*record);
    fuzz::require(line.find('\n') == std::string::npos);
    fuzz::require(log::parse(line) == record);
  }
  // Whatever is written is read as what it was.
  log::Record record;
  record.message = text;
  record.facts = {{"value", text}, {"end", "x"}};
  fuzz::require(text.empty() || log::parse(log::format(record)) == record);
  log::parse_destination(text);
  return 0;
}
