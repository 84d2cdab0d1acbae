#pragma once

#include "shared/log/log.hpp"

/// What the injector says to the person who runs it: lines on standard error. Only the first thread
/// of a program reports.
namespace dboot::report {

/// Lines from `level` on; before, there are none.
void to_terminal(log::Level level);

void write(log::Level level, std::string_view message, log::Facts facts = {});
inline void debug(std::string_view message, log::Facts facts = {}) {
  write(log::Level::debug, message, facts);
}
inline void info(std::string_view message, log::Facts facts = {}) {
  write(log::Level::info, message, facts);
}
inline void warning(std::string_view message, log::Facts facts = {}) {
  write(log::Level::warning, message, facts);
}
inline void error(std::string_view message, log::Facts facts = {}) {
  write(log::Level::error, message, facts);
}

}  // namespace dboot::report
