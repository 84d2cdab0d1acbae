#include "shared/proc/network_daemon.hpp"

#include <algorithm>
#include <array>

namespace dboot {

std::string_view network_daemon(std::string_view name) {
  // The kernel keeps 15 characters of a name.
  static constexpr std::array<std::string_view, 10> programs{
      "systemd-networkd", "NetworkManager", "dhclient", "dhcpcd",        "udhcpc",
      "ifplugd",          "connmand",       "wickedd",  "wickedd-dhcp4", "wickedd-dhcp6"};
  constexpr std::size_t kept = 15;
  const auto same = [&](std::string_view program) { return program.substr(0, kept) == name; };
  const auto* const found = std::find_if(programs.begin(), programs.end(), same);
  return found == programs.end() ? std::string_view() : *found;
}

}  // namespace dboot
