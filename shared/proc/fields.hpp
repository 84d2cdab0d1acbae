#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The text files of /proc and /sys, in pieces. Without streams: the locales that these come with
/// are a third of a static program.
namespace dboot {

/// What stands between the separators; nothing is no field.
std::vector<std::string_view> split(std::string_view text, char separator);
std::vector<std::string_view> split(std::string&& text, char separator) = delete;  // it must live
inline std::vector<std::string_view> lines_of(std::string_view text) {
  return split(text, '\n');
}
std::vector<std::string_view> lines_of(std::string&& text) = delete;
/// What stands between blanks, tabs and newlines.
std::vector<std::string_view> words_of(std::string_view text);
std::vector<std::string_view> words_of(std::string&& text) = delete;

/// All of them, with something between each two.
std::string joined(const std::vector<std::string>& words, std::string_view between);

/// "0-2,5" (Documentation/admin-guide/cputopology.rst); what is no range is passed over. Pure.
std::vector<std::size_t> numbers_in_ranges(std::string_view list);

/// The number that is the whole of a text.
template <class Number>
std::optional<Number> number_in(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace dboot
