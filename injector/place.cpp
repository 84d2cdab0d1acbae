#include "injector/place.hpp"

#include <algorithm>

#include "injector/failure.hpp"
#include "shared/plan/phases.hpp"

namespace dboot::place {
namespace {

std::string quoted(std::string_view text) {
  std::string result("'");
  result += text;
  result += '\'';
  return result;
}

std::string list_of_phases() {
  std::string text;
  for (const std::string phase : phase_names) text += (text.empty() ? "" : ", ") + phase;
  return text;
}

/// How many phases have ended there.
std::ptrdiff_t position(const Place& place) {
  const auto found = std::find(phase_names.begin(), phase_names.end(), place.phase);
  return found - phase_names.begin() + (place.moment == Moment::after ? 1 : 0);
}

}  // namespace

Place parse(const std::string& option, std::string_view text) {
  const auto refuse = [&](const std::string& why, const std::string& mend) {
    throw Failure(option + " " + quoted(text) + ": " + why, mend);
  };
  const auto colon = text.find(':');
  const auto moment = text.substr(0, colon);
  if (colon == std::string_view::npos || (moment != "before" && moment != "after"))
    refuse("this is neither before:PHASE nor after:PHASE", "say for example before:release");
  Place place{moment == "before" ? Moment::before : Moment::after,
              std::string(text.substr(colon + 1))};
  if (std::find(phase_names.begin(), phase_names.end(), place.phase) == phase_names.end())
    refuse("there is no phase " + quoted(place.phase), "name one of " + list_of_phases());
  if (!is_possible(place)) refuse("the new system has the machine then", "say before:start");
  return place;
}

bool is_possible(const Place& place) {
  return position(place) < static_cast<std::ptrdiff_t>(phase_names.size());
}

bool is_before_pivot(const Place& place) {
  return position(place) < position({Moment::after, "release"});
}

bool has_console(const Place& place) {
  return position(place) >= position({Moment::after, "console"});
}

}  // namespace dboot::place
