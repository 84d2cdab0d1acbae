#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// What libFuzzer calls, and the replay of the corpora: both are given every input through it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace dboot::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program, which is a finding, unless `holds`. For what is true of every input.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace dboot::fuzz
