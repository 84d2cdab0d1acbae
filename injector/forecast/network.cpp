#include "injector/forecast/network.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "injector/network/cluster.hpp"
#include "injector/network/packet_sockets.hpp"
#include "shared/proc/network_daemon.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::forecast {
namespace {

/// Of a netmask: as many ones as the prefix is long.
template <class Address>
int bits_of(const Address& mask) {
  std::array<unsigned char, sizeof mask> bytes{};
  std::memcpy(bytes.data(), &mask, sizeof mask);
  int bits = 0;
  for (const auto byte : bytes) bits += std::popcount(byte);
  return bits;
}

template <class Socket, auto Member>
std::string with_prefix(int family, const sockaddr* address, const sockaddr* netmask) {
  Socket socket{};
  Socket mask{};
  std::memcpy(&socket, address, sizeof socket);
  if (netmask != nullptr) std::memcpy(&mask, netmask, sizeof mask);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(family, &(socket.*Member), text.data(), text.size()) == nullptr) return "";
  return std::string(text.data()) + '/' + std::to_string(bits_of(mask.*Member));
}

/// Empty for what is no address of IP.
std::string text_of(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr) return "";
  const int family = entry.ifa_addr->sa_family;
  if (family == AF_INET)
    return with_prefix<sockaddr_in, &sockaddr_in::sin_addr>(family, entry.ifa_addr,
                                                            entry.ifa_netmask);
  if (family == AF_INET6)
    return with_prefix<sockaddr_in6, &sockaddr_in6::sin6_addr>(family, entry.ifa_addr,
                                                               entry.ifa_netmask);
  return "";
}

/// An address may have a label, which begins with the name of its link: "eth0:1" (ip-address(8)).
std::string link_of(const std::string& label) {
  return label.substr(0, label.find(':'));
}

void note_address(std::vector<Network::Link>& links, const std::string& name, std::string address) {
  const auto same = [&](const Network::Link& link) { return link.name == name; };
  auto found = std::find_if(links.begin(), links.end(), same);
  if (found == links.end()) found = links.insert(links.end(), {name, {}});
  found->addresses.push_back(std::move(address));
}

}  // namespace

std::vector<std::string> removers_of_addresses(const std::vector<ProcessStatus>& processes) {
  std::vector<std::string> removers;
  for (const auto& process : processes) {
    const std::string program(network_daemon(process.name));
    if (!program.empty() && std::find(removers.begin(), removers.end(), program) == removers.end())
      removers.push_back(program);
  }
  return removers;
}

Network read_network(const std::vector<ProcessStatus>& processes) {
  Network network;
  network.configured_by = removers_of_addresses(processes);
  network.given_up = network::cluster_addresses(processes);
  for (const auto& process : network::other_holders_of_packet_sockets(processes))
    network.hears_packets.push_back(process.name);
  ifaddrs* first = nullptr;
  sys::check(::getifaddrs(&first), "list the network's addresses");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(first, ::freeifaddrs);
  for (const auto* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_LOOPBACK) != 0 || (entry->ifa_flags & IFF_UP) == 0) continue;
    auto address = text_of(*entry);
    if (!address.empty()) note_address(network.links, link_of(entry->ifa_name), std::move(address));
  }
  return network;
}

}  // namespace dboot::forecast
