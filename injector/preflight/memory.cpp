#include "injector/preflight/memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <exception>

#include "injector/byte_size.hpp"
#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::memory {

void require(std::uint64_t needed, std::uint64_t available) {
  if (needed <= available && available - needed >= headroom) return;
  throw Failure("the new system needs " + byte_size(needed) + " of memory and " +
                    byte_size(headroom) + " to run in, and " + byte_size(available) +
                    " are available",
                "stop what uses memory, take a smaller image or a bigger machine");
}

RootSize root_size(std::uint64_t requested, std::uint64_t estimated, std::uint64_t available) {
  // An entry without content takes less than 1 KiB, but the limit does not count it as bytes: one
  // for every page bounds what a root full of empty files can take to a quarter more.
  constexpr std::uint64_t page = 4096;
  constexpr std::uint64_t fewest_entries = 4096;
  if (requested != 0 && requested < estimated) {
    std::string needed = byte_size(estimated);
    if (needed == byte_size(requested)) needed = std::to_string(estimated) + " bytes";
    throw Failure("the image needs " + needed + ", and --root-size allows " + byte_size(requested),
                  "give the root more with --root-size");
  }
  if (requested > available) {
    throw Failure("--root-size wants " + byte_size(requested) + " of memory, and " +
                      byte_size(available) + " are available",
                  "give the root less");
  }
  const std::uint64_t rest = available > headroom ? available - headroom : available;
  const std::uint64_t bytes = requested != 0 ? requested : std::max(rest, page);
  return {bytes, std::max(bytes / page, fewest_entries)};
}

void go_first_when_it_ends() {
  try {
    sys::write_file("/proc/self/oom_score_adj", "1000");
  } catch (const std::exception& error) {
    report::debug("the kernel may end others when memory ends", {{"reason", error.what()}});
  }
}

void leave_limits() {
  for (const char* procs : {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs"}) {
    if (::access(procs, W_OK) != 0) continue;
    try {
      sys::write_file(procs, "0");
    } catch (const std::exception& error) {
      report::debug("the memory limits of this session stay", {{"reason", error.what()}});
    }
  }
}

}  // namespace dboot::memory
