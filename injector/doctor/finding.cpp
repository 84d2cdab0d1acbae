#include "injector/doctor/finding.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "shared/log/json.hpp"
#include "shared/log/record.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::doctor {
namespace {

constexpr std::size_t width = 10;

std::string_view word_of(State state) {
  switch (state) {
    case State::good:
      return "good";
    case State::careful:
      return "careful";
    case State::bad:
      break;
  }
  return "bad";
}

std::string_view colour_of(State state) {
  switch (state) {
    case State::good:
      return "\033[32m";
    case State::careful:
      return "\033[33m";
    case State::bad:
      break;
  }
  return "\033[1;31m";
}

std::string padded(std::string_view word) {
  std::string text(word);
  text.resize(std::max(width, word.size() + 1), ' ');
  return text;
}

std::string verdict_of(const Findings& findings) {
  if (works(findings)) return "A takeover would work, as far as this looks.";
  std::vector<std::string> reasons;
  for (const auto& finding : findings) {
    const bool is_new = std::find(reasons.begin(), reasons.end(), finding.about) == reasons.end();
    if (finding.state == State::bad && is_new) reasons.push_back(finding.about);
  }
  return "A takeover would not work: " + joined(reasons, ", ") + ".";
}

}  // namespace

bool works(const Findings& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const auto& finding) { return finding.state == State::bad; });
}

std::string text(const Findings& findings, bool colours) {
  std::string page;
  for (const auto& [state, about, what, advice] : findings) {
    const auto mark = padded(word_of(state));
    if (colours) page.append(colour_of(state));
    page.append(mark);
    if (colours) page.append("\033[m");
    page.append(padded(about)).append(log::escaped(what)).append("\n");
    if (!advice.empty())
      page.append(2 * width, ' ').append("advice: ").append(log::escaped(advice)).append("\n");
  }
  page.append(verdict_of(findings)).append("\n");
  return page;
}

std::string json(const Findings& findings) {
  using boost::json::object;
  using boost::json::value;
  boost::json::array list;
  for (const auto& [state, about, what, advice] : findings)
    list.push_back(object{{"state", word_of(state)},
                          {"about", about},
                          {"what", json_text(what)},
                          {"advice", advice.empty() ? value() : value(json_text(advice))}});
  return boost::json::serialize(object{{"format", 1},
                                       {"version", DBOOT_VERSION},
                                       {"works", works(findings)},
                                       {"findings", list}}) +
         "\n";
}

}  // namespace dboot::doctor
