#include "injector/option_values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>
#include <utility>

#include "injector/byte_size.hpp"
#include "shared/log/destination.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/text/duration.hpp"

namespace dboot::option_values {
namespace {

/// For a message, whose end would not be seen behind a long one.
std::string quoted(const std::string& value) {
  constexpr std::size_t most = 64;
  std::string text = "'";
  text.append(value, 0, most);
  return text.append(value.size() > most ? "…'" : "'");
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_time(const std::string& text) {
  constexpr double most = 86'400'000;  // a day
  constexpr std::array<std::pair<std::string_view, double>, 5> units{
      {{"ms", 1}, {"", 1000}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
  double value = -1;
  const auto* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, value);
  if (error != std::errc()) return std::nullopt;
  for (const auto& [name, milliseconds] : units) {
    if (std::string_view(end, text_end) != name) continue;
    const double time = value * milliseconds;
    if (!(time >= 0 && time <= most)) return std::nullopt;
    return std::chrono::milliseconds(std::llround(time));
  }
  return std::nullopt;
}

std::string check_time(const std::string& text) {
  return parse_time(text) ? ""
                          : quoted(text) +
                                " is no time: say 500ms, 5s or 2m (a number alone is "
                                "seconds), up to 24h";
}

std::string check_console(const std::string& console) {
  return log::is_terminal_name(console)
             ? ""
             : quoted(console) +
                   " is not auto, none or the name of a terminal such as tty3 or ttyS0";
}

std::string check_hostname(const std::string& hostname) {
  const bool valid = !hostname.empty() && hostname.size() <= 64 && hostname.front() != '-' &&
                     std::all_of(hostname.begin(), hostname.end(), [](unsigned char letter) {
                       return std::isalnum(letter) != 0 || letter == '.' || letter == '-';
                     });
  return valid ? ""
               : quoted(hostname) +
                     " is no hostname: at most 64 letters, digits, dots and dashes, "
                     "the first of them no dash";
}

std::string check_destination(const std::string& text) {
  const auto destination = log::parse_destination(text);
  if (!destination)
    return quoted(text) +
           " is none of udp:ADDRESS:PORT (an address in numbers, in brackets when it is one of "
           "IPv6), a terminal such as tty5 or ttyS1, and an absolute path in the new root";
  for (const std::string hidden : layout::mount_points) {
    if (destination->kind == log::Destination::Kind::file && text.starts_with("/" + hidden + "/"))
      return quoted(text) + " would be hidden by what the new system mounts on /" + hidden;
  }
  return "";
}

std::string check_variable(const std::string& variable) {
  return variable.empty() || variable.front() == '=' ? quoted(variable) + " has no name" : "";
}

std::string check_not_empty(const std::string& value) {
  return value.empty() ? "a name or a number is missing" : "";
}

std::string check_port(const std::string& port) {
  const auto number = number_in<std::uint16_t>(port);
  return number && *number != 0 ? "" : quoted(port) + " is no port: say a number from 1 to 65535";
}

std::string check_absolute(const std::string& path) {
  return path.starts_with('/') ? "" : quoted(path) + " is no absolute path: it begins with /";
}

std::string check_break_timeout(const std::string& text) {
  const auto colon = text.find(':');
  const auto then = colon == std::string::npos ? "continue" : text.substr(colon + 1);
  if (then != "continue" && then != "reboot")
    return quoted(then) + " is neither continue nor reboot";
  return check_time(text.substr(0, colon));
}

std::string check_confirmation(const std::string& text) {
  constexpr std::chrono::hours most{30 * 24};
  const auto time = parse_duration(text);
  // "10" would be seconds, and is meant to be minutes.
  const bool has_unit = !text.empty() && std::isdigit(static_cast<unsigned char>(text.back())) == 0;
  const bool is_time = time && has_unit && time->count() != 0 && *time <= most;
  return text == "no" || is_time
             ? ""
             : quoted(text) + " is no time with a unit: say 90s, 10m or 2h (up to 30d), or no";
}

std::string check_size(const std::string& size) {
  return parse_byte_size(size).value_or(0) != 0
             ? ""
             : quoted(size) + " is no size: say 500M or 2G (a whole number, with K, M, G or T)";
}

}  // namespace dboot::option_values
