#include "shared/plan/json.hpp"

#include <boost/json/parse.hpp>

#include "tests/fuzz/support/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  boost::json::error_code error;
  const auto document = boost::json::parse(fuzz::text_of(data, size), error);
  if (error) return 0;
  try {
    const auto plan = plan::from_json(document);
    fuzz::require(plan::from_json(plan::to_json(plan)) == plan);
    fuzz::require(plan::decode(plan::encode(plan)) == plan);
  } catch (const plan::Error&) {
    // As it should be.
  }
  return 0;
}
