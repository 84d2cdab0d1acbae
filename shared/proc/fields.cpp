#include "shared/proc/fields.hpp"

#include <algorithm>

namespace dboot {
namespace {

std::vector<std::string_view> split_at_any(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> fields;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(separators), text.size());
    if (end != 0) fields.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fields;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  return split_at_any(text, {&separator, 1});
}

std::vector<std::string_view> words_of(std::string_view text) {
  return split_at_any(text, " \t\n");
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

}  // namespace dboot
