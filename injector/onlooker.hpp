#pragma once

#include <string>

#include "shared/log/log.hpp"

namespace dboot::onlooker {

/// From the point of no return on: shows the payload's lines on standard error, until the payload
/// asks this process to end, as the last but for the session that it is in. Then come `last_words`,
/// and the end. `directory`: layout::directory; `level`: of the lines that are shown. A terminal
/// that takes nothing any more keeps nobody but this process.
[[noreturn]] void show_until_the_end(int directory, log::Level level,
                                     const std::string& last_words);

}  // namespace dboot::onlooker
