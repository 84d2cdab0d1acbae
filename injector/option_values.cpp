#include "injector/option_values.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>

#include "injector/byte_size.hpp"
#include "shared/log/destination.hpp"
#include "shared/plan/layout.hpp"
#include "shared/text/duration.hpp"

namespace dboot::option_values {

std::string check_seconds(const std::string& seconds) {
  constexpr double most = 86400;  // a day
  double value = -1;
  const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
  const bool whole = error == std::errc() && end == seconds.data() + seconds.size();
  return whole && value >= 0 && value <= most
             ? ""
             : "'" + seconds + "' is no number of seconds from 0 to 86400";
}

std::string check_console(const std::string& console) {
  return log::is_terminal_name(console)
             ? ""
             : "'" + console +
                   "' is not auto, none or the name of a terminal such as tty3 or ttyS0";
}

std::string check_hostname(const std::string& hostname) {
  const bool valid = !hostname.empty() && hostname.size() <= 64 && hostname.front() != '-' &&
                     std::all_of(hostname.begin(), hostname.end(), [](unsigned char letter) {
                       return std::isalnum(letter) != 0 || letter == '.' || letter == '-';
                     });
  return valid ? "" : "'" + hostname + "' is not a hostname";
}

std::string check_destination(const std::string& text) {
  const auto destination = log::parse_destination(text);
  if (!destination)
    return "'" + text +
           "' is none of udp:ADDRESS:PORT (an address in numbers, in brackets when it is one of "
           "IPv6), a terminal such as tty5 or ttyS1, and an absolute path in the new root";
  for (const std::string hidden : layout::mount_points) {
    if (destination->kind == log::Destination::Kind::file && text.starts_with("/" + hidden + "/"))
      return "'" + text + "' would be hidden by what the new system mounts on /" + hidden;
  }
  return "";
}

std::string check_variable(const std::string& variable) {
  return variable.empty() || variable.front() == '=' ? "'" + variable + "' has no name" : "";
}

std::string check_not_empty(const std::string& value) {
  return value.empty() ? "a name or a number is missing" : "";
}

std::string check_absolute(const std::string& path) {
  return path.starts_with('/') ? "" : "'" + path + "' is no absolute path";
}

std::string check_break_timeout(const std::string& text) {
  const auto colon = text.find(':');
  const auto then = colon == std::string::npos ? "continue" : text.substr(colon + 1);
  if (then != "continue" && then != "reboot")
    return "'" + then + "' is neither continue nor reboot";
  return check_seconds(text.substr(0, colon));
}

std::string check_confirmation(const std::string& text) {
  constexpr std::chrono::hours most{30 * 24};
  const auto time = parse_duration(text);
  const bool is_time = time && time->count() != 0 && *time <= most;
  return text == "no" || is_time
             ? ""
             : "'" + text + "' is no time: say 90s, 10m or 2h (up to 30d), or no";
}

std::string check_size(const std::string& size) {
  return parse_byte_size(size).value_or(0) != 0
             ? ""
             : "'" + size + "' is no size: say 500M or 2G (a whole number, with K, M, G or T)";
}

}  // namespace dboot::option_values
