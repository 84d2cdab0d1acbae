#include "shared/command_line/shell_line.hpp"

#include <algorithm>

namespace dboot::shell_line {

Words split(std::string_view line, std::size_t part) {
  Words result;
  auto& words = result.words;
  words.emplace_back();
  bool is_within_word = false;
  char quote = 0;
  const auto part_at = line.size() - std::min(part, line.size());
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (at == part_at) result.part_begins = words.back().size();
    const char letter = line[at];
    const bool is_blank = letter == ' ' || letter == '\t' || letter == '\n';
    // Between double quotes a backslash is one, except before what it takes the meaning of.
    const bool escapes =
        letter == '\\' && quote != '\'' && at + 1 < line.size() &&
        (quote == 0 || std::string_view("\"\\$`").find(line[at + 1]) != std::string_view::npos);
    if (quote == 0 && is_blank) {
      if (is_within_word) words.emplace_back();
      is_within_word = false;
      continue;
    }
    is_within_word = true;
    if (escapes) {
      words.back() += line[++at];
    } else if (quote == 0 && (letter == '\'' || letter == '"')) {
      quote = letter;
    } else if (letter == quote) {
      quote = 0;
    } else {
      words.back() += letter;
    }
  }
  if (part_at == line.size()) result.part_begins = words.back().size();
  return result;
}

}  // namespace dboot::shell_line
