#include "shared/log/destination.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "shared/proc/fields.hpp"

namespace dboot::log {
namespace {

template <class Address>
Destination to(const Address& address) {
  Destination destination{Destination::Kind::udp, "", {}, sizeof address};
  std::memcpy(&destination.address, &address, sizeof address);
  return destination;
}

/// ADDRESS:PORT, an IPv6 address in brackets.
std::optional<Destination> parse_udp(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = number_in<std::uint16_t>(text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  if (!port || *port == 0) return std::nullopt;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(*port);
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return std::nullopt;
    return to(address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(*port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  return to(address);
}

}  // namespace

bool is_terminal_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '_';
  });
}

std::optional<Destination> parse_destination(std::string_view text) {
  constexpr std::string_view udp = "udp:";
  if (text.starts_with(udp)) return parse_udp(text.substr(udp.size()));
  if (text.starts_with('/') && !text.ends_with('/'))
    return Destination{Destination::Kind::file, std::string(text), {}, 0};
  if (is_terminal_name(text))
    return Destination{Destination::Kind::terminal, std::string(text), {}, 0};
  return std::nullopt;
}

}  // namespace dboot::log
