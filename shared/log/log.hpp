#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "shared/log/record.hpp"

namespace spdlog::sinks {
class sink;
}

namespace dboot::log {

/// CLOCK_MONOTONIC now.
std::chrono::nanoseconds monotonic_now() noexcept;

}  // namespace dboot::log

namespace dboot {

/// Writes lines to its sinks. For one thread. spdlog is behind it, and only behind it: its headers
/// cost three seconds a file.
class Log {
 public:
  using Level = log::Level;
  using Facts = log::Facts;
  using Sink = std::shared_ptr<spdlog::sinks::sink>;
  /// As a line of the record, or for the person who runs the injector.
  enum class Style : std::uint8_t { record, report, coloured_report };

  /// Without a sink the lines go nowhere.
  explicit Log(Style style = Style::record);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Lines below it do not exist: no sink gets them, and they do not count.
  void set_level(Level level);
  /// Where the clock of a record starts (CLOCK_MONOTONIC).
  void set_origin(std::chrono::nanoseconds origin);
  /// How many lines of the record there are already.
  void set_lines(std::size_t lines);

  /// The first line of a record: which program wrote it, by which format, at what time of the day
  /// (UTC). Nothing when there are lines already.
  void begin(std::string_view program);
  /// The following lines carry this word, and the first of them says the how manieth line of the
  /// record it is: who has lost one sees it.
  void begin_phase(std::string_view phase);
  void set_phase(std::string_view phase);

  /// Lines from that level on; first those of `earlier`, which has whole lines of a record.
  void add_sink(Sink sink, Level from = Level::trace, std::string_view earlier = {});
  void remove_sink(const Sink& sink);

  bool has(Level level) const noexcept;
  void write(Level level, std::string_view message, Facts facts = {});
  /// One that another process has made, with the time and the phase of now.
  void write(log::Record record);
  void trace(std::string_view message, Facts facts = {}) { write(Level::trace, message, facts); }
  void debug(std::string_view message, Facts facts = {}) { write(Level::debug, message, facts); }
  void info(std::string_view message, Facts facts = {}) { write(Level::info, message, facts); }
  void warning(std::string_view message, Facts facts = {}) {
    write(Level::warning, message, facts);
  }
  void error(std::string_view message, Facts facts = {}) { write(Level::error, message, facts); }

  /// At debug: a system call that changes the machine, what it was about, and its result (errno).
  void call(std::string_view name, std::string_view about, int error = 0) {
    write(log::of_call(name, about, error));
  }
  /// Makes it first. Throws what it throws.
  template <class Call>
  void call(std::string_view name, std::string_view about, Call make) {
    try {
      make();
    } catch (const std::system_error& error) {
      call(name, about, error.code().value());
      throw;
    }
    call(name, about);
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dboot
