#include "injector/network/client.hpp"

#include <linux/if_arp.h>
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

std::string first_word(std::string_view text) {
  return std::string(text.substr(0, text.find(' ')));
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

bool lies_on_others(std::string_view kind) {
  return kind == "bridge" || kind == "bond" || kind == "vlan" || kind == "macvlan" ||
         kind == "ipvlan" || kind == "vrf";
}

/// "wlan0 lives of a process: wpa_supplicant"; empty when all of them last. A bridge has ports that
/// the way does not go through (those of virtual machines): one that lasts is enough.
std::string what_ends(const std::vector<netlink::Message>& way) {
  const bool is_bridged = std::any_of(way.begin(), way.end(), [](const auto& link) {
    return netlink::kind_of_link(link) == "bridge";
  });
  std::string ends;
  bool has_port_that_lasts = false;
  for (const auto& link : way) {
    const auto traits = traits_of(link);
    const auto reason = lives_of(traits);
    if (!reason.empty() && ends.empty()) ends = netlink::name_of_link(link) + " lives of " + reason;
    has_port_that_lasts = has_port_that_lasts || (reason.empty() && !lies_on_others(traits.kind));
  }
  return is_bridged && has_port_that_lasts ? "" : ends;
}

}  // namespace

std::string ssh_client_in(std::string_view environment) {
  for (const auto entry : split(environment, '\0')) {
    if (entry.starts_with(variable) && entry.substr(variable.size()).starts_with('='))
      return first_word(entry.substr(variable.size() + 1));
  }
  return "";
}

std::string ssh_client() {
  if (const char* const own = std::getenv(variable.data())) return first_word(own);
  for (auto process = read_process_status(::getppid()); process && process->pid > 1;
       process = read_process_status(process->parent)) {
    auto client = ssh_client_in(
        sys::read_file_or_empty("/proc/" + std::to_string(process->pid) + "/environ"));
    if (!client.empty()) return client;
  }
  return "";
}

std::string lives_of(const Traits& traits) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kinds{
      {{"tun", "a process: who has opened it, as a VPN does"},
       {"team", "a process: teamd"},
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
  const auto reason =
      what_ends(netlink::links_of_way(netlink::read(socket, netlink::Kind::link), way->link));
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
