#include "injector/network/client.hpp"

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "shared/network/link.hpp"
#include "shared/network/socket.hpp"
#include "shared/network/state.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::network {
namespace {

constexpr std::string_view variable = "SSH_CONNECTION";

SshConnection connection_of(std::string_view text) {
  const auto words = words_of(text);
  SshConnection connection;
  if (words.empty()) return connection;
  connection.client = words[0];
  if (words.size() < 4) return connection;
  connection.server = words[2];
  connection.port = number_in<std::uint16_t>(words[3]).value_or(connection.port);
  return connection;
}

/// Where the kernel says what kind of device it is (DEVTYPE of netdevices).
Traits traits_of(const netlink::Message& link) {
  Traits traits;
  traits.kind = netlink::kind_of_link(link);
  const auto uevent =
      sys::read_file_or_empty("/sys/class/net/" + netlink::name_of_link(link) + "/uevent");
  const auto has = [&](std::string_view line) {
    const auto lines = split(uevent, '\n');
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  traits.is_wireless = has("DEVTYPE=wlan");
  traits.is_modem = has("DEVTYPE=wwan");
  traits.is_ppp = link.body<ifinfomsg>().ifi_type == ARPHRD_PPP;
  return traits;
}

using Links = std::vector<netlink::Message>;

/// "wlan0 lives of a process: wpa_supplicant"; empty when it lasts, and all that it lies on. A
/// bridge has ports that the way does not go through, those of virtual machines and containers: it
/// lasts where another one does.
std::string what_ends(const Links& links, const netlink::Message& link, int layers = 8) {
  const auto kind = netlink::kind_of_link(link);
  if (const auto reason = lives_of(traits_of(link)); !reason.empty())
    return netlink::name_of_link(link) + " lives of " + reason;
  const auto below = netlink::links_below(links, link);
  if (layers == 0 || below.empty()) return "";
  std::string reason;
  bool has_port_that_lasts = false;
  for (const auto& other : below) {
    auto of_other = what_ends(links, other, layers - 1);
    const bool leads_into_a_container =
        netlink::kind_of_link(other) == "veth" && other.find(IFLA_LINK_NETNSID);
    has_port_that_lasts = has_port_that_lasts || (of_other.empty() && !leads_into_a_container);
    if (reason.empty()) reason = std::move(of_other);
  }
  return kind == "bridge" && has_port_that_lasts ? "" : reason;
}

}  // namespace

SshConnection ssh_connection_in(std::string_view environment) {
  for (const auto entry : split(environment, '\0')) {
    if (entry.starts_with(variable) && entry.substr(variable.size()).starts_with('='))
      return connection_of(entry.substr(variable.size() + 1));
  }
  return {};
}

SshConnection ssh_connection() {
  if (const char* const own = std::getenv(variable.data())) return connection_of(own);
  for (auto process = read_process_status(::getppid()); process && process->pid > 1;
       process = read_process_status(process->parent)) {
    auto connection = ssh_connection_in(
        sys::read_file_or_empty("/proc/" + std::to_string(process->pid) + "/environ"));
    if (!connection.client.empty()) return connection;
  }
  return {};
}

std::string lives_of(const Traits& traits) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kinds{
      {{"tun", "a process: who has opened it, as a VPN does"},
       {"team", "a process: teamd"},
       {"openvswitch", "a process: ovs-vswitchd"},
       {"ppp", "a process: pppd"},
       {"macsec", "keys that a process renews: wpa_supplicant"},
       {"xfrm", "keys that a process renews: the daemon of IPsec"},
       {"ovpn", "keys that a process renews: openvpn"}}};
  if (traits.is_wireless) return "a process: wpa_supplicant or iwd";
  if (traits.is_modem) return "a process: ModemManager";
  if (traits.is_ppp) return "a process: pppd";
  const auto* const found = std::find_if(kinds.begin(), kinds.end(),
                                         [&](const auto& one) { return one.first == traits.kind; });
  return found == kinds.end() ? "" : std::string(found->second);
}

void refuse_links_that_end(const std::string& client) {
  netlink::Socket socket;
  std::optional<netlink::Way> way;
  try {
    way = netlink::find_way(socket, client);
  } catch (const std::system_error& error) {
    report::warning("no way to the ssh client is known",
                    {{"client", client}, {"reason", error.what()}});
    return;
  }
  if (!way) return;
  const auto links = netlink::read(socket, netlink::Kind::link);
  const auto* const device = netlink::find_link(links, way->link);
  const auto reason = device == nullptr ? "" : what_ends(links, *device);
  if (!reason.empty())
    throw Failure("this session comes from " + client + " through " + way->device +
                      ", and that would end with the old system: " + reason,
                  "log in another way, or go on with --force and a console at hand");
}

void note_way(const std::string& client) {
  using namespace std::chrono_literals;
  try {
    netlink::Socket socket;
    const auto way = netlink::find_way(socket, client);
    if (!way) return;
    const auto neighbour = netlink::look_for_neighbour(socket, *way, 3s);
    report::info("way to the ssh client", {{"client", client},
                                           {"device", way->device},
                                           {"gateway", way->has_gateway ? way->neighbour : "none"},
                                           {"neighbour", netlink::to_string(neighbour)}});
  } catch (const std::exception& error) {
    report::warning("no way to the ssh client is known",
                    {{"client", client}, {"reason", error.what()}});
  }
}

}  // namespace dboot::network
