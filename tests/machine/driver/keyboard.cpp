#include "tests/machine/driver/keyboard.hpp"

#include <map>
#include <stdexcept>

namespace dboot::machine::keyboard {
namespace {

const std::map<char, std::string>& plain() {
  static const std::map<char, std::string> keys{
      {'\n', "ret"},      {'\t', "tab"},         {' ', "spc"},           {'-', "minus"},
      {'=', "equal"},     {'[', "bracket_left"}, {']', "bracket_right"}, {'\\', "backslash"},
      {';', "semicolon"}, {'\'', "apostrophe"},  {',', "comma"},         {'.', "dot"},
      {'/', "slash"},     {'`', "grave_accent"}};
  return keys;
}

/// The character on the same key without shift.
char unshifted(char character) {
  constexpr std::string_view upper = "~!@#$%^&*()_+{}|:\"<>?";
  constexpr std::string_view lower = "`1234567890-=[]\\;',./";
  const auto at = upper.find(character);
  return at == std::string_view::npos ? '\0' : lower[at];
}

bool is_lower(char character) {
  return character >= 'a' && character <= 'z';
}

Chord chord_of(char character) {
  if (const auto found = plain().find(character); found != plain().end()) return {found->second};
  if (is_lower(character) || (character >= '0' && character <= '9'))
    return {std::string(1, character)};
  if (character >= 'A' && character <= 'Z')
    return {"shift", std::string(1, static_cast<char>(character - 'A' + 'a'))};
  if (character >= 1 && character <= 26)
    return {"ctrl", std::string(1, static_cast<char>(character - 1 + 'a'))};
  if (const char lower = unshifted(character); lower != '\0') return {"shift", chord_of(lower)[0]};
  throw std::invalid_argument("no key for character " + std::to_string(character));
}

}  // namespace

std::vector<Chord> keys_of(std::string_view text) {
  std::vector<Chord> keys;
  keys.reserve(text.size());
  for (const char character : text) keys.push_back(chord_of(character));
  return keys;
}

}  // namespace dboot::machine::keyboard
