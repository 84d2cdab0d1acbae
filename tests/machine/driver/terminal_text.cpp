#include "tests/machine/driver/terminal_text.hpp"

namespace dboot::machine {

void TerminalText::append(std::string_view bytes) {
  for (const char byte : bytes) {
    switch (state_) {
      case State::plain:
        if (byte == '\x1b')
          state_ = State::escape;
        else if (byte != '\r' && byte != '\0' && byte != '\a')
          text_ += byte;
        break;
      case State::escape:
        state_ = byte == '['                  ? State::control_sequence
                 : byte == ']'                ? State::command
                 : byte == '(' || byte == ')' ? State::charset
                                              : State::plain;
        break;
      case State::control_sequence:
        if (byte >= '@' && byte <= '~') state_ = State::plain;
        break;
      case State::command:
        if (byte == '\a' || byte == '\\') state_ = State::plain;
        break;
      case State::charset:
        state_ = State::plain;
        break;
    }
  }
}

}  // namespace dboot::machine
