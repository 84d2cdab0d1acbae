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

std::vector<std::size_t> numbers_in_ranges(std::string_view list) {
  constexpr std::size_t most = 1U << 16U;  // more than any machine has
  std::vector<std::size_t> numbers;
  for (const auto range : split(list, ',')) {
    const auto dash = range.find('-');
    const auto first = number_in<std::size_t>(range.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : number_in<std::size_t>(range.substr(dash + 1));
    if (!first || !last || *last >= most) continue;
    for (auto number = *first; number <= *last; ++number) numbers.push_back(number);
  }
  return numbers;
}

}  // namespace dboot
