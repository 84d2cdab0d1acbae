#include "injector/network/record.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <sstream>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/forecast/processes.hpp"
#include "injector/network/cluster.hpp"
#include "injector/report.hpp"
#include "shared/network/settings.hpp"
#include "shared/network/socket.hpp"
#include "shared/network/state.hpp"

namespace dboot::network {
namespace {

/// A router may have a million of them, and they come again with who has learnt them.
constexpr std::size_t most_learnt_routes = 10'000;

/// keepalived marks what it has made, and takes it to the next host.
bool is_of_cluster(const netlink::Message& message) {
  if (message.kind() == netlink::Kind::route)
    return message.body<rtmsg>().rtm_protocol == RTPROT_KEEPALIVED;
  return message.kind() == netlink::Kind::rule &&
         message.number<std::uint8_t>(FRA_PROTOCOL) == std::uint8_t{RTPROT_KEEPALIVED};
}

/// By a daemon, from other routers (rtnetlink(7), rtm_protocol).
bool is_learnt(const netlink::Message& message) {
  if (message.kind() != netlink::Kind::route) return false;
  const unsigned protocol = message.body<rtmsg>().rtm_protocol;
  return protocol >= RTPROT_GATED && protocol != RTPROT_RA && protocol != RTPROT_DHCP;
}

void leave_out_learnt_routes(std::vector<netlink::Message>& messages) {
  const auto learnt =
      static_cast<std::size_t>(std::count_if(messages.begin(), messages.end(), is_learnt));
  if (learnt <= most_learnt_routes) return;
  std::erase_if(messages, is_learnt);
  report::warning("routes that a daemon has learnt are not recorded, and do not come back",
                  {{"routes", learnt}});
}

}  // namespace

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
    auto messages = netlink::read_all(socket);
    std::erase_if(messages, is_of_cluster);
    leave_out_learnt_routes(messages);
    for (const auto& message : messages) network.messages.push_back(message.bytes());
    network.settings = netlink::read_settings();
    network.given_up = cluster_addresses(forecast::read_processes());
  } catch (const std::system_error& error) {
    throw Failure(std::string("cannot record the network, which is to be kept: ") + error.what(),
                  "take over with --keep-network no, and with a console at hand");
  }
}

}  // namespace dboot::network
