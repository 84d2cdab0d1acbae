#include "shared/network/restoring.hpp"
#include "shared/network/state.hpp"
#include "tests/fuzz/support/input.hpp"

/// A plan may have any messages.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dboot;
  using namespace dboot::netlink;
  const auto message = Message::parse(std::string(fuzz::text_of(data, size)));
  if (!message) return 0;
  in_words(*message, names_of_links({*message}));
  for (const auto& change : changes({*message}, {})) {
    fuzz::require(change.recorded == *message);
    in_words(change.request, {});
  }
  // What is there is not made again.
  if (message->kind() != Kind::link) fuzz::require(changes({*message}, {*message}).empty());
  endings({*message}, [](std::uint32_t) { return false; });
  return 0;
}
