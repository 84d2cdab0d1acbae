#pragma once

#include <cstdint>
#include <string>

namespace dboot {

/// A number of bytes for people, in binary units: "12 bytes", "1.4 GiB".
std::string byte_size(std::uint64_t bytes);

}  // namespace dboot
