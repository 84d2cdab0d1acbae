#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// One line of the record that a takeover leaves (dboot-log(5)):
///
///     [seconds.micros] level phase message key=value…
///
/// with the monotonic time since the takeover began. Whatever the words contain, a line is one line
/// and parses back to what it was made of.
namespace dboot::log {

/// The version of that format, which the first line of a record names.
inline constexpr int format_version = 1;

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
  bool operator==(const Fact&) const = default;

  std::string key;  ///< letters, digits and underscores
  std::string value;
};
using Facts = std::initializer_list<Fact>;

struct Record {
  std::chrono::microseconds elapsed{0};
  Level level = Level::info;
  std::string phase = "-";  ///< a word
  std::string message;      ///< any text
  std::vector<Fact> facts;
  bool operator==(const Record&) const = default;

  /// The value of the first fact of that name; empty when there is none.
  std::optional<std::string_view> fact(std::string_view key) const;
};

/// "call": a system call that changes the machine, as Log::call() has it.
Record of_call(std::string_view name, std::string_view about, int error);
Record of_call(std::string_view name, std::string_view about, std::string_view result);

/// Control characters and what is no UTF-8 as in a C string, for a terminal; of the other
/// characters those in `also` too.
std::string escaped(std::string_view text, std::string_view also = {});

/// The other way round, for a text in which backslashes were escaped as well. Empty when it is
/// none.
std::optional<std::string> unescaped(std::string_view text);

/// The line, without its newline. In the message a backslash, an equals sign, control characters
/// and what is no UTF-8 are escaped as in C; a value that is no plain word is a C string.
std::string format(const Record& record);

/// The other way round; empty when the line is not one of a record.
std::optional<Record> parse(std::string_view line);

/// The same of a line that others have passed on: what can be read of it up to the first thing that
/// cannot. A value that is cut off ends in an ellipsis. dmesg(1) and /dev/kmsg have what is no
/// ASCII as in C, in values without quotes too.
std::optional<Record> parse_leniently(std::string_view line);

/// What the fact `mend` is called: how to get rid of the cause.
inline constexpr std::string_view mend_key = "mend";

/// Whether words such as "error:" are coloured, as terminals have it (ECMA-48, SGR).
enum class Colours : bool { no, yes };

/// The same for a person, without its newline: `dboot-inject: warning: message key=value…`. A mend
/// has a line of its own.
std::string format_report(const Record& record, Colours colours = Colours::no);

}  // namespace dboot::log
