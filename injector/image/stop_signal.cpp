#include "injector/image/stop_signal.hpp"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

namespace dboot::image {
namespace {

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return {};
  return number;
}

/// "RTMIN", "RTMIN+3", "RTMAX-1".
std::optional<int> parse_real_time(std::string_view name) {
  const bool from_min = name.starts_with("RTMIN");
  if (!from_min && !name.starts_with("RTMAX")) return {};
  name.remove_prefix(5);
  int offset = 0;
  if (!name.empty()) {
    const auto number = parse_number(name.substr(1));
    if (name.front() != (from_min ? '+' : '-') || !number) return {};
    offset = *number;
  }
  if (offset > SIGRTMAX - SIGRTMIN) return {};
  return from_min ? SIGRTMIN + offset : SIGRTMAX - offset;
}

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
  if (const auto number = parse_number(text)) {
    return *number >= 1 && *number <= SIGRTMAX ? number : std::nullopt;
  }
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  if (const auto number = parse_real_time(name)) return number;
  for (int number = 1; number < NSIG; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  if (name == "IOT") return SIGABRT;
  if (name == "IO") return SIGIO;
  if (name == "CLD") return SIGCHLD;
  return {};
}

}  // namespace dboot::image
