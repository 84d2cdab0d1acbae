#pragma once

#include <optional>
#include <string_view>

namespace dboot::image {

/// The number of a signal as images name it: "SIGQUIT", "quit", "SIGRTMIN+3", "RTMAX-1" or "3".
/// Empty when there is no such signal.
std::optional<int> parse_signal(std::string_view text);

}  // namespace dboot::image
