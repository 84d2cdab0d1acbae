#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace dboot::log {

/// Lines of a record that somebody has not taken yet, the oldest first. Where some are left out
/// there is one that says how many.
class Backlog {
 public:
  /// `most`: bytes to be kept. What ends a line is added to each.
  Backlog(std::size_t most, std::string_view line_end) : most_(most), line_end_(line_end) {}

  bool empty() const noexcept { return lines_.empty(); }
  std::size_t bytes() const noexcept { return text_.size(); }
  /// How many lines nobody has taken: those that there are, and all that have been left out.
  std::size_t lines_missing() const noexcept;

  /// Where there are too many bytes, the oldest lines are left out. Not one that has been begun.
  void add(std::string_view line);
  void leave_out(std::string_view line);

  /// What is to be taken next: all that there is.
  std::string_view front() const noexcept { return text_; }
  void take(std::size_t bytes);
  /// What was taken comes first again: the last of it was before what is next now.
  void put_back(std::string_view text);

 private:
  struct Line {
    std::size_t size;          ///< of what is left of it
    std::size_t left_out = 0;  ///< the lines of which it says that they are
    bool begun = false;
  };

  void append(std::string_view line, std::size_t left_out);
  std::string in_place_of(std::string_view line, std::size_t count) const;
  bool has_begun() const noexcept { return !lines_.empty() && lines_.front().begun; }
  void shrink();

  std::size_t most_;
  std::string line_end_;
  std::string text_;
  std::deque<Line> lines_;    ///< of the text
  std::size_t left_out_ = 0;  ///< lines, since the beginning
};

}  // namespace dboot::log
