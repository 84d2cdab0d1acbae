#pragma once

#include <string>
#include <string_view>

/// What a terminal is set to before a person uses it. All of it may block in a driver: to be called
/// in a child (payload/children/blocking.hpp). None of it throws: a terminal that refuses is used
/// as it is.
namespace dboot::terminal_settings {

/// What to put into TERM: "linux" for a virtual terminal, "vt220" for a serial line, "xterm" for a
/// pseudo terminal.
std::string type_of(std::string_view name);

/// Line editing, echo, signals, CR LF, 8 bits, no modem control; the speed stays.
void make_sane(int fd) noexcept;

/// All settings, for restore(); empty when `fd` is no terminal.
std::string read(int fd);
void restore(int fd, std::string_view settings) noexcept;

/// Takes a virtual terminal back from whoever drew or read keys on it: text, Unicode keys,
/// switching by the kernel.
void make_text(int fd) noexcept;

/// The virtual terminal on the screen; 0 when unknown.
int active_virtual_terminal(int fd) noexcept;
/// Brings virtual terminal `number` to the screen; `fd` is any virtual terminal. A display server
/// may hold that up.
void switch_to(int fd, int number) noexcept;

}  // namespace dboot::terminal_settings
