#include "shared/console/console_choice.hpp"

#include <algorithm>
#include <charconv>

#include "shared/proc/fields.hpp"

namespace dboot {
namespace {

bool is_screen(std::string_view name) {
  return name == "tty0" || virtual_terminal_number(name) > 0;
}

}  // namespace

int virtual_terminal_number(std::string_view name) noexcept {
  if (!name.starts_with("tty")) return 0;
  name.remove_prefix(3);
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

ConsoleChoice choose_consoles(std::string_view active, std::string_view wanted) {
  ConsoleChoice choice;
  if (wanted == "none") return choice;
  std::string screen = "tty3";
  if (wanted != "auto" && is_screen(wanted) && wanted != "tty0") screen = wanted;
  const auto add = [&](std::string_view name) {
    std::string console = is_screen(name) ? screen : std::string(name);
    if (std::find(choice.log_to.begin(), choice.log_to.end(), console) == choice.log_to.end())
      choice.log_to.push_back(console);
    return console;
  };
  for (const auto name : words_of(active)) choice.interactive = add(name);
  if (wanted != "auto") choice.interactive = add(wanted);
  return choice;
}

}  // namespace dboot
