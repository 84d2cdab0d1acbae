#include "shared/log/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace dboot::log {
namespace {

constexpr std::array<std::string_view, 5> level_names{"trace", "debug", "info", "warning", "error"};

bool is_control(unsigned char byte) {
  return byte < ' ' || byte == 0x7f;
}

/// Whether it begins with one of the characters that end a line or turn the text behind them round
/// (U+2028 to U+202E, U+2066 to U+2069), so that a name looks like another one.
bool is_layout(std::string_view text) {
  const bool is_there = text.size() >= 3 && text[0] == '\xe2';
  if (!is_there) return false;
  if (text[1] == '\x80') return text[2] >= '\xa8' && text[2] <= '\xae';
  return text[1] == '\x81' && text[2] >= '\xa6' && text[2] <= '\xa9';
}

/// The size of the character of UTF-8 that a text begins with; 0 when there is none, or it is a
/// control character of ISO 6429 (U+0080 to U+009F), which some terminals act on, or of layout.
std::size_t character_size(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return is_control(first) ? 0 : 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xc0U) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool is_not_shortest = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_no_character = (first == 0xed && second > 0x9f) ||
                               (first == 0xf4 && second > 0x8f) ||
                               text.starts_with("\xef\xbf\xbe") || text.starts_with("\xef\xbf\xbf");
  const bool is_c1 = first == 0xc2 && second < 0xa0;
  return is_not_shortest || is_no_character || is_c1 || is_layout(text) ? 0 : size;
}

/// Whether it may stand in a value without quotes.
bool is_plain(std::string_view text) {
  while (!text.empty()) {
    const auto size = character_size(text);
    if (size == 0 || std::string_view(" \"\\").find(text.front()) != std::string_view::npos)
      return false;
    text.remove_prefix(size);
  }
  return true;
}

bool is_of_key(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
}

}  // namespace

std::string escaped(std::string_view text, std::string_view also) {
  std::string result;
  while (!text.empty()) {
    const char front = text.front();
    const auto size = character_size(text);
    const bool is_asked_for = also.find(front) != std::string_view::npos;
    if (front == '\n') {
      result += "\\n";
    } else if (is_asked_for && (front == '"' || front == '\\')) {
      result += '\\';
      result += front;
    } else if (size == 0 || is_asked_for) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(front));
    } else {
      result += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return result;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      result += text[at];
      continue;
    }
    const char next = ++at < text.size() ? text[at] : '\0';
    if (next == 'x') {
      const auto digits = text.substr(at + 1, 2);
      unsigned char byte = 0;
      const auto* const end = digits.data() + digits.size();
      if (digits.size() != 2 || std::from_chars(digits.data(), end, byte, 16).ptr != end)
        return std::nullopt;
      result += static_cast<char>(byte);
      at += 2;
    } else if (next == 'n') {
      result += '\n';
    } else if (next == '\\' || next == '"') {
      result += next;
    } else {
      return std::nullopt;
    }
  }
  return result;
}

namespace {

/// A value as it is when that is unambiguous, else as a C string.
std::string as_value(std::string_view value) {
  if (!value.empty() && is_plain(value)) return std::string(value);
  return '"' + escaped(value, "\"\\") + '"';
}

/// A message is our own words, but it may quote names from outside: control characters must not
/// reach a terminal, begin a line of their own or look like a fact.
std::string as_message(std::string_view message) {
  return escaped(message, "\\=");
}

std::string with_facts(std::string line, const Record& record, std::string_view but = "") {
  for (const auto& fact : record.facts) {
    if (fact.key != but) line += fmt::format(" {}={}", fact.key, as_value(fact.value));
  }
  return line;
}

/// Reads a line from its front; after the first thing that is not there it has failed.
class Reader {
 public:
  explicit Reader(std::string_view line) : rest_(line) {}

  bool failed() const noexcept { return failed_; }
  bool at_end() const noexcept { return rest_.empty(); }

  void expect(std::string_view text) {
    if (rest_.starts_with(text)) {
      rest_.remove_prefix(text.size());
    } else {
      failed_ = true;
    }
  }

  /// Up to `end`, which goes too.
  std::string_view up_to(char end) {
    const auto size = rest_.find(end);
    if (size == std::string_view::npos || size == 0) {
      failed_ = true;
      return {};
    }
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return text;
  }

  std::int64_t number(std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool is_signed = digits.starts_with('-');
    if (error != std::errc() || end != digits.data() + digits.size() || is_signed) failed_ = true;
    return value;
  }

  /// Everything up to the first fact.
  std::string message() {
    const auto equals = rest_.find('=');
    auto size = rest_.size();
    if (equals != std::string_view::npos) size = rest_.substr(0, equals).rfind(' ');
    if (size == std::string_view::npos) {
      failed_ = true;
      return {};
    }
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return unescaped(text);
  }

  Fact fact() {
    const auto key = key_of_fact();
    if (rest_.starts_with('"')) return {key, quoted()};
    const auto value = bare();
    if (value.empty() || !is_plain(value)) failed_ = true;
    return {key, value};
  }

  /// The same of what others have passed on.
  Fact lenient_fact() {
    const auto key = key_of_fact();
    if (!rest_.starts_with('"')) {
      const auto value = bare();
      if (value.empty()) failed_ = true;
      return {key, log::unescaped(value).value_or(std::string(value))};
    }
    const auto end = end_of_string();
    if (end < rest_.size()) return {key, quoted()};
    auto text = std::exchange(rest_, {}).substr(1);
    // An escape that is cut has three more characters at most.
    constexpr int longest_escape = 4;
    auto value = log::unescaped(text);
    for (int cut = 0; !value && cut < longest_escape && !text.empty(); ++cut) {
      text.remove_suffix(1);
      value = log::unescaped(text);
    }
    return {key, value.value_or("") + "…"};
  }

 private:
  std::string_view key_of_fact() {
    expect(" ");
    const auto key = up_to('=');
    if (!std::all_of(key.begin(), key.end(), is_of_key)) failed_ = true;
    return key;
  }

  std::string_view bare() {
    const auto size = std::min(rest_.find(' '), rest_.size());
    const auto value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }

  /// Where its closing quote is; behind the end where there is none.
  std::size_t end_of_string() const {
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    return end;
  }

  std::string quoted() {
    const auto end = end_of_string();
    if (end >= rest_.size()) {
      failed_ = true;
      return {};
    }
    const auto text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return unescaped(text);
  }

  std::string unescaped(std::string_view text) {
    auto result = log::unescaped(text);
    if (!result) failed_ = true;
    return result.value_or("");
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace

std::string_view to_string(Level level) {
  return level_names.at(static_cast<std::size_t>(level));
}

std::optional<Level> level_from(std::string_view name) {
  const auto* const found = std::find(level_names.begin(), level_names.end(), name);
  if (found == level_names.end()) return std::nullopt;
  return static_cast<Level>(found - level_names.begin());
}

Fact::Fact(std::string_view fact_key, std::chrono::nanoseconds duration)
    : key(fact_key), value(fmt::format("{:.1f}ms", static_cast<double>(duration.count()) / 1e6)) {}

std::optional<std::string_view> Record::fact(std::string_view key) const {
  const auto found =
      std::find_if(facts.begin(), facts.end(), [key](const Fact& fact) { return fact.key == key; });
  if (found == facts.end()) return std::nullopt;
  return found->value;
}

Record of_call(std::string_view name, std::string_view about, int error) {
  return of_call(name, about, std::string_view(error == 0 ? "ok" : std::strerror(error)));
}

Record of_call(std::string_view name, std::string_view about, std::string_view result) {
  Record record;
  record.level = Level::debug;
  record.message = "call";
  record.facts = {{"name", name}, {"about", about}, {"result", result}};
  return record;
}

std::string format(const Record& record) {
  const auto micros = std::max<std::int64_t>(record.elapsed.count(), 0);
  return with_facts(fmt::format("[{}.{:06}] {} {} {}", micros / 1'000'000, micros % 1'000'000,
                                to_string(record.level), record.phase, as_message(record.message)),
                    record);
}

namespace {

/// All but its facts.
std::optional<Record> parse_head(Reader& reader) {
  reader.expect("[");
  const auto seconds = reader.number(reader.up_to('.'));
  const auto fraction = reader.up_to(']');
  const auto micros = reader.number(fraction);
  reader.expect(" ");
  const auto level = level_from(reader.up_to(' '));
  std::string phase(reader.up_to(' '));
  std::string message = reader.message();
  constexpr std::int64_t most = std::int64_t{1} << 40U;  // of the seconds, some 30,000 years
  if (reader.failed() || fraction.size() != 6 || !level || seconds > most) return std::nullopt;
  return Record{std::chrono::microseconds(seconds * 1'000'000 + micros),
                *level,
                std::move(phase),
                std::move(message),
                {}};
}

}  // namespace

std::optional<Record> parse(std::string_view line) {
  Reader reader(line);
  auto record = parse_head(reader);
  while (record && !reader.at_end() && !reader.failed()) record->facts.push_back(reader.fact());
  if (reader.failed()) return std::nullopt;
  return record;
}

std::optional<Record> parse_leniently(std::string_view line) {
  Reader reader(line);
  auto record = parse_head(reader);
  while (record && !reader.at_end()) {
    auto fact = reader.lenient_fact();
    if (reader.failed()) break;
    record->facts.push_back(std::move(fact));
  }
  return record;
}

namespace {

std::string_view colour_of(Level level) {
  switch (level) {
    case Level::error:
      return "\033[1;31m";  // bold red
    case Level::warning:
      return "\033[33m";  // yellow
    default:
      return "\033[2m";  // faint
  }
}

std::string coloured(const std::string& text, std::string_view colour, Colours colours) {
  if (colours == Colours::no) return text;
  return std::string(colour).append(text).append("\033[m");
}

}  // namespace

std::string format_report(const Record& record, Colours colours) {
  std::string line = "dboot-inject: ";
  if (record.level != Level::info)
    line += coloured(fmt::format("{}:", to_string(record.level)), colour_of(record.level), colours)
                .append(" ");
  line = with_facts(line + escaped(record.message), record, mend_key);
  if (const auto mend = record.fact(mend_key))
    line.append("\ndboot-inject: ")
        .append(coloured("to mend it:", "\033[1m", colours))
        .append(" ")
        .append(escaped(*mend));
  return line;
}

}  // namespace dboot::log
