#include "tests/machine/driver/shell.hpp"

#include <stdexcept>

namespace dboot::machine {

void Shell::take_over() {
  // The word that is waited for is put together by the shell, or its own echo would be taken for
  // it.
  serial_.send_line("stty -echo -onlcr 2>/dev/null; PS1= PS2=; echo rea'dy'");
  serial_.expect("^ready\n");
  serial_.send_line(
      "bind 'set enable-bracketed-paste off' 2>/dev/null; set +o emacs 2>/dev/null; "
      "echo sil'ent'");
  serial_.expect("^silent\n");
}

Output Shell::run(std::string_view command, std::chrono::seconds timeout) {
  const std::string mark = "mark-" + std::to_string(++commands_);
  serial_.skip();
  serial_.send_line(std::string(command));
  serial_.send_line("printf '\\n%s-%d\\n' " + mark + " $?");
  const std::string text = serial_.expect("\n" + mark + "-[0-9]+\n", timeout);
  const auto end = text.rfind("\n" + mark);
  Output output;
  output.text = text.substr(0, end);
  output.status = std::stoi(text.substr(end + mark.size() + 2));
  return output;
}

std::string Shell::output_of(std::string_view command, std::chrono::seconds timeout) {
  Output output = run(command, timeout);
  if (output.status != 0)
    throw std::runtime_error("status " + std::to_string(output.status) + " of " +
                             std::string(command) + ": " + output.text);
  while (!output.text.empty() && output.text.back() == '\n') output.text.pop_back();
  return output.text;
}

}  // namespace dboot::machine
