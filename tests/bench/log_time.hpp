#pragma once

#include <string>

namespace dboot::bench {

/// The time, in seconds, of the first line of a takeover's log, at info, that begins with `line`:
/// the phase and the message, as a regular expression. Throws std::runtime_error when there is
/// none.
double time_of(const std::string& log, const std::string& line);

}  // namespace dboot::bench
