#include "payload/release/swap.hpp"

#include <sys/swap.h>

#include "payload/children/blocking.hpp"
#include "shared/proc/memory.hpp"
#include "shared/proc/swaps.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

Swap::Swap(Log& log, Children& children, Permissions permissions)
    : log_(log), children_(children), allowed_(permissions.allows(Action::detach_swap)) {}

Task<std::size_t> Swap::release(Round round) {
  using namespace std::chrono_literals;
  if (!allowed_) co_return 0;
  std::size_t gone = 0;
  for (const auto& [area, used] : read_swaps()) {
    if (late_.contains(area)) continue;
    const auto rounds = ++rounds_[area];
    const auto available = parse_available_memory(sys::read_file_or_empty("/proc/meminfo"));
    // As the kernel writes it, the path is valid from the root of who reads: below the old root's
    // new place, as long as that is mounted.
    blocking::Work work = [&path = area](const blocking::Report&) {
      sys::check(::swapoff(path.c_str()), "swapoff ", path);
    };
    // It is read from a disk that may be slow.
    auto child = blocking::run(children_, "swapoff " + area, 5min, std::move(work));
    const auto outcome = co_await std::move(child);
    blocking::note_call(log_, "swapoff", area, outcome);
    if (outcome.finished()) {
      ++gone;
      log_.info("swap detached", {{"area", area}, {"rounds", rounds}});
      continue;
    }
    const bool late = outcome.end == blocking::Outcome::End::late;
    if (late) late_.insert(area);
    log_.write(late || round == Round::last ? Log::Level::error : Log::Level::debug, "swap stays",
               {{"area", area},
                {"rounds", rounds},
                {"used", used},
                {"available", available},
                {"reason", outcome.error}});
  }
  co_return gone;
}

}  // namespace dboot
