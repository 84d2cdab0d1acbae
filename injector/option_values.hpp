#pragma once

#include <chrono>
#include <optional>
#include <string>

/// What values of the command line must be like. Each returns what is wrong with one, for the
/// person who has typed it; empty when nothing is.
namespace dboot::option_values {

std::string check_not_empty(const std::string& value);
/// "5", "2.5", "500ms", "5s", "10m", "2h": seconds where no unit is said. Empty for what is none,
/// and for more than a day.
std::optional<std::chrono::milliseconds> parse_time(const std::string& text);
/// As parse_time() takes it.
std::string check_time(const std::string& text);
/// The same, and behind a colon what follows then.
std::string check_break_timeout(const std::string& text);
/// "no", or as parse_duration() takes it, and not 0.
std::string check_confirmation(const std::string& text);
/// As parse_byte_size() takes it, and not 0.
std::string check_size(const std::string& size);
/// From 1 to 65535.
std::string check_port(const std::string& port);
std::string check_absolute(const std::string& path);
/// For an environment: NAME or NAME=VALUE.
std::string check_variable(const std::string& variable);
/// hostname(7): letters, digits, dots and dashes, at most 64 bytes.
std::string check_hostname(const std::string& hostname);
/// A terminal below /dev, without the directory: "tty3", "ttyS0", "hvc0"; or "auto", "none".
std::string check_console(const std::string& console);
/// As log::parse_destination() takes it, and not where the new system mounts something.
std::string check_destination(const std::string& text);

}  // namespace dboot::option_values
