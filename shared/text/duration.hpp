#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace dboot {

/// "90", "90s", "10m", "2h", "1d": a whole number and a unit, seconds by default. Empty for what is
/// none, and for more than 366 days.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

/// "10 minutes", "1 hour 30 minutes", "45 seconds": the largest unit, and the next one where that
/// is not 0. Seconds are told below ten minutes only.
std::string in_words(std::chrono::seconds time);

}  // namespace dboot
