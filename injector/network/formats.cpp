#include "injector/network/formats.hpp"

#include <algorithm>

namespace dboot::network {

const Interface* way_to_name_servers(const Configuration& configuration) {
  const auto& interfaces = configuration.interfaces;
  const auto leads_anywhere = [](const Interface& interface) {
    return std::any_of(interface.routes.begin(), interface.routes.end(), [](const Route& route) {
      return route.destination.empty() && !route.table;
    });
  };
  auto found = std::find_if(interfaces.begin(), interfaces.end(), leads_anywhere);
  if (found == interfaces.end())
    found = std::find_if(interfaces.begin(), interfaces.end(),
                         [](const Interface& interface) { return !interface.addresses.empty(); });
  return found == interfaces.end() ? nullptr : &*found;
}

std::string_view everything(Family family) {
  return family == Family::ipv6 ? "::/0" : "0.0.0.0/0";
}

}  // namespace dboot::network
