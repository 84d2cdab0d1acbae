#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
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

/// Everything outside of the root is read-only for a target: that an error says so is a finding. At
/// its end alone: what an input calls its entries is in errors too, and fuzzers learn what they are
/// compared with.
inline bool says_read_only(const std::exception& error) {
  const std::string_view text = error.what();
  return text.ends_with("Read-only file system") &&
         text.find("the RAM root is full") == std::string_view::npos;
}

}  // namespace dboot::fuzz
