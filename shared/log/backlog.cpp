#include "shared/log/backlog.hpp"

#include <algorithm>

#include "shared/log/record.hpp"

namespace dboot::log {

std::size_t Backlog::lines_missing() const noexcept {
  std::size_t count = left_out_;
  for (const auto& line : lines_) count += line.left_out == 0 ? 1 : 0;
  return count;
}

void Backlog::add(std::string_view line) {
  append(line, 0);
  if (text_.size() > most_) shrink();
}

void Backlog::leave_out(std::string_view line) {
  ++left_out_;
  if (lines_.empty() || lines_.back().left_out == 0 || lines_.back().begun)
    return append(in_place_of(line, 1), 1);
  // With those before it.
  const Line last = lines_.back();
  const std::string old = text_.substr(text_.size() - last.size);
  lines_.pop_back();
  text_.resize(text_.size() - last.size);
  append(in_place_of(old, last.left_out + 1), last.left_out + 1);
}

void Backlog::take(std::size_t bytes) {
  text_.erase(0, bytes);
  while (!lines_.empty() && lines_.front().size <= bytes) {
    bytes -= lines_.front().size;
    lines_.pop_front();
  }
  if (bytes == 0) return;
  lines_.front().size -= bytes;
  lines_.front().begun = true;
}

void Backlog::put_back(std::string_view text) {
  if (text.empty()) return;
  // As one line, for nothing of it is to be left out.
  if (!has_begun()) lines_.push_front({0, 0, true});
  lines_.front().size += text.size();
  text_.insert(0, text);
}

void Backlog::append(std::string_view line, std::size_t left_out) {
  text_ += line;
  text_ += line_end_;
  lines_.push_back({line.size() + line_end_.size(), left_out});
}

/// With the time and the phase of the first.
std::string Backlog::in_place_of(std::string_view line, std::size_t count) const {
  if (line.ends_with(line_end_)) line.remove_suffix(line_end_.size());
  Record record = parse(line).value_or(Record());
  record.level = Level::info;
  record.message = "lines left out";
  record.facts = {{"count", count}};
  return format(record);
}

/// To half of what may be kept: whoever is as slow as that is so again.
void Backlog::shrink() {
  const std::size_t begun = has_begun() ? 1 : 0;
  const std::size_t from = begun == 1 ? lines_.front().size : 0;
  std::size_t lines = 0;
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (; begun + lines < lines_.size() && text_.size() - bytes > most_ / 2; ++lines) {
    const Line& line = lines_[begun + lines];
    bytes += line.size;
    count += std::max<std::size_t>(line.left_out, 1);
    left_out_ += line.left_out == 0 ? 1 : 0;
  }
  if (lines == 0) return;
  const auto first = lines_.begin() + static_cast<std::ptrdiff_t>(begun);
  const auto instead =
      in_place_of(std::string_view(text_).substr(from, first->size), count) + line_end_;
  text_.replace(from, bytes, instead);
  *first = {instead.size(), count};
  lines_.erase(first + 1, first + static_cast<std::ptrdiff_t>(lines));
}

}  // namespace dboot::log
