#include "payload/release/swap.hpp"

#include <sys/swap.h>

#include "payload/children/blocking.hpp"
#include "shared/proc/swaps.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

Swap::Swap(Log& log, Children& children, Permissions permissions)
    : log_(log), children_(children), allowed_(permissions.allows(Action::detach_swap, log)) {}

Task<std::size_t> Swap::detach_all(Log::Level level_of_failures) {
  using namespace std::chrono_literals;
  if (!allowed_) co_return 0;
  std::size_t gone = 0;
  for (const auto& area : read_swaps()) {
    // As the kernel writes it, the path is valid from the root of who reads: below the old root's
    // new place, as long as that is mounted.
    blocking::Work work = [&area](const blocking::Report&) {
      sys::check(::swapoff(area.c_str()), "swapoff ", area);
    };
    // It is read from a disk that may be slow.
    auto child = blocking::run(children_, "swapoff " + area, 5min, std::move(work));
    const auto outcome = co_await std::move(child);
    if (outcome.finished()) {
      ++gone;
      log_.info("swap detached", {{"area", area}});
    } else {
      log_.write(level_of_failures, "swap stays", {{"area", area}, {"reason", outcome.error}});
    }
  }
  co_return gone;
}

Task<std::size_t> Swap::release() {
  return detach_all(Log::Level::debug);
}

Task<> Swap::give_up() {
  co_await detach_all(Log::Level::error);
}

}  // namespace dboot
