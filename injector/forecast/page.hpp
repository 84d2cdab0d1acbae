#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace dboot::forecast {

/// Lines for a person, with what they are about in front of the first of each kind.
class Page {
 public:
  /// Shows words that have control characters as escapes: names of an image or of a process may be
  /// anything.
  void line(std::string_view label, const std::string& words);
  void line(std::string_view label, std::initializer_list<std::string_view> parts);
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::string last_;
};

}  // namespace dboot::forecast
