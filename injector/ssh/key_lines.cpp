#include "injector/ssh/key_lines.hpp"

#include <algorithm>
#include <cctype>

#include "shared/proc/fields.hpp"

namespace dboot::ssh {
namespace {

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return lower;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  const auto begin = line.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return "";
  return line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
}

/// A kind, and behind it base64 of the number of its letters, which is small: "AAAA".
bool has_key(std::string_view line) {
  const auto words = words_of(line);
  for (std::size_t at = 1; at < words.size(); ++at) {
    const auto kind = words[at - 1];
    const bool is_kind =
        kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-");
    if (is_kind && words[at].starts_with("AAAA")) return true;
  }
  return false;
}

}  // namespace

bool only_names_another_user(std::string_view line) {
  const auto lower = in_lower_case(line);
  const auto command = lower.find("command=\"");
  if (command == std::string::npos) return false;
  const auto text = std::string_view(lower).substr(command);
  return text.find("please login as") != std::string_view::npos ||
         text.find("please log in as") != std::string_view::npos ||
         text.find("rather than the user") != std::string_view::npos;
}

std::vector<std::string> usable_key_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto whole : lines_of(text)) {
    const auto line = trimmed(whole);
    if (line.starts_with('#') || !has_key(line) || only_names_another_user(line)) continue;
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.emplace_back(line);
  }
  return lines;
}

std::string with_tokens(std::string_view pattern, const std::string& user, const std::string& home,
                        unsigned uid) {
  std::string text;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '%' || at + 1 == pattern.size()) {
      text += pattern[at];
      continue;
    }
    switch (pattern[++at]) {
      case 'h':
        text += home;
        break;
      case 'u':
        text += user;
        break;
      case 'U':
        text += std::to_string(uid);
        break;
      default:
        text += pattern[at];
    }
  }
  return text;
}

std::string key_file_for(std::string_view pattern, const std::string& user, const std::string& home,
                         unsigned uid) {
  auto path = with_tokens(pattern, user, home, uid);
  return path.starts_with('/') ? path : home + '/' + path;
}

}  // namespace dboot::ssh
