#include "shared/command_line/suggestion.hpp"

#include <algorithm>
#include <limits>

namespace dboot::command_line {
namespace {

/// Short words differ from each other by a letter or two anyhow.
std::size_t most_differences(std::string_view word) {
  if (word.size() < 4) return 0;
  if (word.size() < 6) return 1;
  return word.size() < 8 ? 2 : 3;
}

std::string_view without_dashes(std::string_view word) {
  return word.substr(std::min(word.find_first_not_of('-'), word.size()));
}

}  // namespace

std::size_t distance(std::string_view a, std::string_view b) {
  // Row i has the distances between the first i letters of `a` and the beginnings of `b`.
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        rows[i][j] = i + j;
        continue;
      }
      const std::size_t changed = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      rows[i][j] = std::min({changed, rows[i - 1][j] + 1, rows[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.size()][b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  const auto typed = without_dashes(word);
  std::vector<std::string> found;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const auto& name : names) {
    const auto wanted = without_dashes(name);
    const bool is_begin = typed.size() >= 3 && wanted.starts_with(typed);
    const auto differences = is_begin ? 1 : distance(typed, wanted);
    if (!is_begin && differences > most_differences(typed)) continue;
    if (differences > least) continue;
    if (differences < least) found.clear();
    least = differences;
    found.push_back(name);
  }
  // Of --keep, --keep-network and --keep-ssh it is the first.
  std::sort(found.begin(), found.end());
  const auto begins = [&](const std::string& name) { return name.starts_with(found.front()); };
  return !found.empty() && std::all_of(found.begin(), found.end(), begins) ? found.front() : "";
}

}  // namespace dboot::command_line
