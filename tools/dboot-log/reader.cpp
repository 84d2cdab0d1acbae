#include "tools/dboot-log/reader.hpp"

#include <algorithm>
#include <utility>

namespace dboot::reader {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 16U;

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

/// Whether "[12.345678] info wake " may begin here, and not the time of the kernel's log.
bool may_begin(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size() && is_digit(text[at])) ++at;
  constexpr std::size_t fraction = 6;
  if (at == 1 || at + fraction + 3 > text.size() || text[at] != '.') return false;
  for (std::size_t digit = at + 1; digit <= at + fraction; ++digit) {
    if (!is_digit(text[digit])) return false;
  }
  if (!text.substr(at + fraction + 1).starts_with("] ")) return false;
  const auto rest = text.substr(at + fraction + 3);
  return log::level_from(rest.substr(0, rest.find(' '))).has_value();
}

/// The rest of an escape sequence whose ESC has been taken.
std::string_view behind_sequence(std::string_view text) {
  if (text.empty()) return text;
  const char kind = text.front();
  text.remove_prefix(1);
  if (kind == '[') {
    // Up to its final byte.
    while (!text.empty() && (text.front() < '@' || text.front() > '~')) text.remove_prefix(1);
    if (!text.empty()) text.remove_prefix(1);
  } else if (kind == ']' || kind == 'P' || kind == '^' || kind == '_' || kind == 'X') {
    // Up to BEL or ST.
    const auto end = text.find_first_of("\a\x1b");
    text = end == std::string_view::npos ? "" : text.substr(end);
    if (text.starts_with('\a')) text.remove_prefix(1);
    if (text.starts_with("\x1b\\")) text.remove_prefix(2);
  } else if (kind >= ' ' && kind <= '/') {
    // With an intermediate byte: a character set.
    if (!text.empty()) text.remove_prefix(1);
  }
  return text;
}

bool is_control(char letter) {
  return (letter >= '\0' && letter < ' ' && letter != '\t') || letter == '\x7f';
}

/// As getline, but what is longer is cut. False at the end.
bool next_line(std::istream& stream, std::string& line) {
  line.clear();
  auto* const buffer = stream.rdbuf();
  for (bool any = false;; any = true) {
    const int byte = buffer->sbumpc();
    if (byte == std::char_traits<char>::eof()) return any;
    if (byte == '\n') return true;
    if (line.size() < longest_line) line += static_cast<char>(byte);
  }
}

/// Of what takes memory for long: no record of ours is as large.
void shorten(log::Record& record) {
  constexpr std::size_t most_facts = 64;
  constexpr std::size_t most_bytes = 4096;
  const auto cut = [](std::string& text) {
    if (text.size() > most_bytes) text.resize(most_bytes);
  };
  if (record.facts.size() > most_facts)
    record.facts.erase(record.facts.begin() + most_facts, record.facts.end());
  cut(record.phase);
  cut(record.message);
  for (auto& fact : record.facts) cut(fact.value);
}

/// Of the last ones.
class Memory {
 public:
  /// True when it is new.
  bool add(const log::Record& record) {
    const std::size_t hash = std::hash<std::string>()(log::format(record));
    if (std::find(last_.begin(), last_.end(), hash) != last_.end()) return false;
    last_.at(next_++ % last_.size()) = hash;
    return true;
  }

 private:
  std::array<std::size_t, 256> last_{};
  std::size_t next_ = 0;
};

}  // namespace

std::string without_controls(std::string_view line) {
  std::string clean;
  while (!line.empty()) {
    const char letter = line.front();
    line.remove_prefix(1);
    if (letter == '\x1b') {
      line = behind_sequence(line);
    } else if (!is_control(letter)) {
      clean += letter;
    }
  }
  return clean;
}

std::optional<log::Record> find_record(std::string_view line) {
  if (line.find('[') == std::string_view::npos) return std::nullopt;
  std::string clean;
  if (std::any_of(line.begin(), line.end(), is_control)) {
    clean = without_controls(line);
    line = clean;
  }
  for (auto at = line.find('['); at != std::string_view::npos; at = line.find('[', at + 1)) {
    if (may_begin(line.substr(at))) return log::parse_leniently(line.substr(at));
  }
  return std::nullopt;
}

Counts read(std::istream& stream, const std::function<void(log::Record)>& tell) {
  Counts counts;
  Memory memory;
  std::string line;
  while (next_line(stream, line)) {
    ++counts.lines;
    auto record = find_record(line);
    if (!record) continue;
    shorten(*record);
    if (!memory.add(*record)) {
      ++counts.repeated;
      continue;
    }
    ++counts.records;
    tell(std::move(*record));
  }
  return counts;
}

}  // namespace dboot::reader
