#include <sstream>

#include "tests/fuzz/support/input.hpp"
#include "tools/dboot-log/account.hpp"
#include "tools/dboot-log/comparison.hpp"
#include "tools/dboot-log/json.hpp"
#include "tools/dboot-log/page.hpp"
#include "tools/dboot-log/reader.hpp"
#include "tools/dboot-log/timeline.hpp"

namespace {

bool has_control(const std::string& text) {
  for (const char letter : text) {
    if (letter >= '\0' && letter < ' ' && letter != '\n') return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  std::istringstream stream{std::string(fuzz::text_of(data, size))};
  Teller teller;
  reader::read(stream, [&](const log::Record& record) { teller.tell(record); });
  const auto account = teller.finish();
  if (!account) return 0;
  // Nothing of a hostile log reaches the terminal as it is.
  fuzz::require(!has_control(page::text(*account)));
  fuzz::require(!has_control(timeline(*account)));
  fuzz::require(!has_control(json(*account)));
  fuzz::require(!has_control(text(compare(*account, *account))));
  return 0;
}
