#include "injector/forecast/page.hpp"

#include "shared/log/record.hpp"

namespace dboot::forecast {

void Page::line(std::string_view label, const std::string& words) {
  constexpr std::size_t column = 13;
  std::string start(label == last_ ? "" : label);
  last_ = label;
  start.resize(column, ' ');
  text_ += start + log::escaped(words) + '\n';
}

void Page::line(std::string_view label, std::initializer_list<std::string_view> parts) {
  std::string words;
  for (const auto part : parts) words += part;
  line(label, words);
}

}  // namespace dboot::forecast
