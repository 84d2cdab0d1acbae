#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace spdlog::sinks {
class sink;
}

/// The log of both programs. spdlog is behind it, and only behind it: its headers cost three
/// seconds a file.
///
/// The injector reports to a person (`dboot-inject: warning: …`), the payload keeps a record:
///
///     [seconds.micros] level phase message key=value…
///
/// with the monotonic time since the takeover began. Values that contain spaces, quotes or control
/// characters are written as C strings, so that a line is always one line and parses back.
namespace dboot::log {

enum class Level : std::uint8_t { trace, debug, info, warning, error };

std::string_view to_string(Level level);
/// The level of that name; empty when there is none.
std::optional<Level> level_from(std::string_view name);

/// One `key=value` of a line.
struct Fact {
  Fact(std::string_view fact_key, std::string_view fact_value) : key(fact_key), value(fact_value) {}
  Fact(std::string_view fact_key, std::integral auto fact_value)
      : key(fact_key), value(std::to_string(fact_value)) {}
  /// Milliseconds with one decimal.
  Fact(std::string_view fact_key, std::chrono::nanoseconds duration);

  std::string_view key;
  std::string value;
};
using Facts = std::initializer_list<Fact>;

/// The record line, without its newline.
std::string format_record(std::chrono::nanoseconds elapsed, Level level, std::string_view phase,
                          std::string_view message, Facts facts);

/// Lines for a person on stderr, from `level` on.
void report_to_terminal(Level level);

/// Record lines from `level` on; their clock starts at `origin` (CLOCK_MONOTONIC). Until a sink is
/// added they go nowhere.
void keep_record(std::chrono::nanoseconds origin, Level level);
void add_sink(std::shared_ptr<spdlog::sinks::sink> sink);
void remove_sinks();
/// Writes out what a sink still holds back.
void flush();
void remove_sink(const std::shared_ptr<spdlog::sinks::sink>& sink);
/// The word that the following record lines carry as their phase. The literal must outlive its use.
void set_phase(std::string_view phase);

void write(Level level, std::string_view message, Facts facts = {});
inline void trace(std::string_view message, Facts facts = {}) {
  write(Level::trace, message, facts);
}
inline void debug(std::string_view message, Facts facts = {}) {
  write(Level::debug, message, facts);
}
inline void info(std::string_view message, Facts facts = {}) {
  write(Level::info, message, facts);
}
inline void warning(std::string_view message, Facts facts = {}) {
  write(Level::warning, message, facts);
}
inline void error(std::string_view message, Facts facts = {}) {
  write(Level::error, message, facts);
}

/// CLOCK_MONOTONIC now.
std::chrono::nanoseconds monotonic_now() noexcept;

}  // namespace dboot::log
