#include "shared/text/duration.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include "shared/proc/fields.hpp"

namespace dboot {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
  std::string_view name;
};
constexpr std::array<Unit, 4> units{
    {{'d', 86'400, "day"}, {'h', 3600, "hour"}, {'m', 60, "minute"}, {'s', 1, "second"}}};
constexpr std::int64_t longest = 366LL * 86'400;

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  std::int64_t of_unit = 1;
  for (const auto& unit : units) {
    if (!text.ends_with(unit.letter)) continue;
    of_unit = unit.seconds;
    text.remove_suffix(1);
    break;
  }
  const auto number = number_in<std::uint32_t>(text);
  if (!number || *number > longest / of_unit) return std::nullopt;
  return std::chrono::seconds(*number * of_unit);
}

std::string in_words(std::chrono::seconds time) {
  constexpr std::int64_t seconds_count_below = 600;
  auto rest = time.count();
  if (rest >= seconds_count_below) rest -= rest % 60;
  std::string words;
  int told = 0;
  for (const auto& unit : units) {
    const auto count = rest / unit.seconds;
    const bool is_wanted = count != 0 || (unit.letter == 's' && told == 0);
    if (told != 0 && !is_wanted) break;
    if (!is_wanted) continue;
    rest %= unit.seconds;
    if (told != 0) words += ' ';
    words += std::to_string(count) + ' ';
    words += unit.name;
    if (count != 1) words += 's';
    if (++told == 2) break;
  }
  return words;
}

}  // namespace dboot
