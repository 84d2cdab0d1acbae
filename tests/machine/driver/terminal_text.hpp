#pragma once

#include <string>
#include <string_view>

namespace dboot::machine {

/// What a terminal was sent, as text: without carriage returns and escape sequences (ECMA-48 CSI
/// and OSC, and the two-byte ones), which may be cut anywhere between two calls.
class TerminalText {
 public:
  void append(std::string_view bytes);
  const std::string& text() const { return text_; }

 private:
  enum class State { plain, escape, control_sequence, command, charset };

  State state_ = State::plain;
  std::string text_;
};

}  // namespace dboot::machine
