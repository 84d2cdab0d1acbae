#pragma once

#include <cstdint>
#include <string_view>

namespace dboot::memory {

/// What is left for the payload and the first processes of the new system.
inline constexpr std::uint64_t headroom = 64U << 20U;

/// MemAvailable of /proc/meminfo (proc(5)) in bytes; 0 when it is not there.
std::uint64_t parse_available(std::string_view meminfo);
/// The same of this machine. Throws.
std::uint64_t available();

/// Throws Failure with the numbers when `needed` bytes and the headroom are more than `available`.
void check(std::uint64_t needed, std::uint64_t available);

}  // namespace dboot::memory
