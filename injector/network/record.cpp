#include "injector/network/record.hpp"

#include <sstream>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/forecast/processes.hpp"
#include "injector/network/cluster.hpp"
#include "shared/network/settings.hpp"
#include "shared/network/socket.hpp"
#include "shared/network/state.hpp"

namespace dboot::network {

void note_resolvers(std::string_view resolv_conf, Network& network) {
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    const bool is_list = key == "search" || key == "domain";
    if (is_list) network.search_domains.clear();
    for (std::string word; words >> word;) {
      if (word.starts_with('#') || word.starts_with(';')) break;
      if (key == "nameserver") network.name_servers.push_back(word);
      if (is_list) network.search_domains.push_back(word);
    }
  }
}

void note_kernel_state(const std::optional<Target>& target, Network& network) {
  try {
    if (target) target->enter_network();
    netlink::Socket socket;
    for (const auto& message : netlink::read_all(socket))
      network.messages.push_back(message.bytes());
    network.settings = netlink::read_settings();
    network.given_up = cluster_addresses(forecast::read_processes());
  } catch (const std::system_error& error) {
    throw Failure(std::string("cannot record the network, which is to be kept: ") + error.what(),
                  "take over with --keep-network no, and with a console at hand");
  }
}

}  // namespace dboot::network
