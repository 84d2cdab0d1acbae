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

/// The lines of both programs. spdlog is behind them, and only behind them: its headers cost three
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

/// The line of a report, without its newline.
std::string format_report(Level level, std::string_view message, Facts facts);

/// CLOCK_MONOTONIC now.
std::chrono::nanoseconds monotonic_now() noexcept;

}  // namespace dboot::log

namespace dboot {

/// Writes lines to its sinks, each from a level on. For one thread.
class Log {
 public:
  using Level = log::Level;
  using Facts = log::Facts;
  enum class Style : std::uint8_t { record, report };

  /// Without a sink the lines go nowhere.
  explicit Log(Style style = Style::record);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_level(Level level);
  /// Where the clock of a record starts (CLOCK_MONOTONIC).
  void set_origin(std::chrono::nanoseconds origin);
  /// The word that the following record lines carry as their phase. The literal must outlive its
  /// use.
  void set_phase(std::string_view phase);

  void add_sink(std::shared_ptr<spdlog::sinks::sink> sink);
  void remove_sink(const std::shared_ptr<spdlog::sinks::sink>& sink);
  /// Writes out what a sink still holds back.
  void flush();

  void write(Level level, std::string_view message, Facts facts = {});
  void trace(std::string_view message, Facts facts = {}) { write(Level::trace, message, facts); }
  void debug(std::string_view message, Facts facts = {}) { write(Level::debug, message, facts); }
  void info(std::string_view message, Facts facts = {}) { write(Level::info, message, facts); }
  void warning(std::string_view message, Facts facts = {}) {
    write(Level::warning, message, facts);
  }
  void error(std::string_view message, Facts facts = {}) { write(Level::error, message, facts); }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dboot
