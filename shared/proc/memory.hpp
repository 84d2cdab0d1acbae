#pragma once

#include <cstdint>
#include <string_view>

namespace dboot {

/// MemAvailable of /proc/meminfo (proc(5)) in bytes; 0 when it is not there. Pure.
std::uint64_t parse_available_memory(std::string_view meminfo);
/// The same of this machine. Throws std::system_error.
std::uint64_t available_memory();

}  // namespace dboot
