#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dboot::machine::keyboard {

/// Keys that are pressed together, by their names in QEMU (QKeyCode).
using Chord = std::vector<std::string>;

/// The keys of an American keyboard, the kernel's default keymap, that produce the text: printable
/// ASCII, newline (return), tab and the control characters of letters (`\x03` is Ctrl-C). Throws
/// std::invalid_argument for anything else.
std::vector<Chord> keys_of(std::string_view text);

}  // namespace dboot::machine::keyboard
