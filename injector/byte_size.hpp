#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dboot {

/// A number of bytes for people, in binary units: "12 bytes", "1.4 GiB".
std::string byte_size(std::uint64_t bytes);

/// The number of bytes that "500M" is: whole, with K, M, G or T for binary units (also Ki, KB, KiB,
/// in any case). Empty for everything else, and for what is more than 64 bits can hold.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace dboot
