#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dboot::command_line {

/// How many letters are wrong, missing, added, or exchanged with the next one (Damerau-Levenshtein,
/// optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b);

/// The one of `names` that whoever typed `word` probably meant: a few letters differ, or the end is
/// missing. Empty when there is none, or several are as near.
std::string nearest(std::string_view word, const std::vector<std::string>& names);

}  // namespace dboot::command_line
