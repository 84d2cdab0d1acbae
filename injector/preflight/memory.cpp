#include "injector/preflight/memory.hpp"

#include <charconv>

#include "injector/byte_size.hpp"
#include "injector/failure.hpp"
#include "shared/syscalls.hpp"

namespace dboot::memory {

std::uint64_t parse_available(std::string_view meminfo) {
  constexpr std::string_view key = "MemAvailable:";
  const auto at = meminfo.find(key);
  if (at == std::string_view::npos) return 0;
  meminfo.remove_prefix(at + key.size());
  const auto digits = meminfo.find_first_not_of(' ');
  if (digits == std::string_view::npos) return 0;
  std::uint64_t kibibytes = 0;
  std::from_chars(meminfo.data() + digits, meminfo.data() + meminfo.size(), kibibytes);
  return kibibytes << 10U;
}

std::uint64_t available() {
  return parse_available(sys::read_file("/proc/meminfo"));
}

void check(std::uint64_t needed, std::uint64_t available) {
  if (needed <= available && available - needed >= headroom) return;
  throw Failure("the image needs " + byte_size(needed) + " of memory and " + byte_size(headroom) +
                    " to run in, and " + byte_size(available) + " are available",
                "stop what uses memory, take a smaller image or a bigger machine");
}

}  // namespace dboot::memory
