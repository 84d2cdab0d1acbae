#include "payload/release/releaser.hpp"

namespace dboot {

Task<> release_in_rounds(Log& log, Releasers releasers) {
  for (std::size_t gone = 1; gone != 0;) {
    gone = 0;
    for (auto* releaser : releasers) {
      auto releasing = releaser->release(Round::usual);
      const auto count = co_await std::move(releasing);
      gone += count;
      if (count != 0) log.debug("released", {{"what", releaser->name()}, {"count", count}});
    }
  }
}

}  // namespace dboot
