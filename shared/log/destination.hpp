#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dboot::log {

/// Where a copy of the record goes: what `--log-to` says.
struct Destination {
  enum class Kind : std::uint8_t {
    udp,  ///< "udp:192.0.2.1:6666", "udp:[2001:db8::1]:6666": a datagram a line, as netconsole's
    terminal,  ///< "tty5", "ttyS1": a name below /dev
    file,      ///< "/var/log/takeover.log": in the new root
  };
  Kind kind;
  std::string name;  ///< of the terminal or the file
  sockaddr_storage address{};
  socklen_t address_size = 0;
};

/// Empty when it is none of these; names of hosts are not looked up.
std::optional<Destination> parse_destination(std::string_view text);

/// "auto" and "none" apart: letters, digits and underscores.
bool is_terminal_name(std::string_view name);

}  // namespace dboot::log
