#include "injector/network/renewal.hpp"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "injector/command/executable.hpp"
#include "injector/failure.hpp"
#include "injector/unpack/beneath.hpp"
#include "shared/network/message.hpp"
#include "shared/network/restoring.hpp"
#include "shared/network/state.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::network {
namespace {

constexpr const char* search_path = "/usr/sbin:/usr/bin:/sbin:/bin";

bool has_lifetime(const netlink::Message& address) {
  constexpr std::uint32_t for_ever = 0xFFFFFFFF;
  const auto times = address.number<ifa_cacheinfo>(IFA_CACHEINFO);
  return times && times->ifa_valid != for_ever;
}

/// Empty where the image has none that can be executed.
std::string find_client(int root, const std::string& name) {
  try {
    auto path = rootfs::find_executable(root, name, search_path, "/");
    rootfs::check_executable(root, path, "/");
    return path;
  } catch (const Failure&) {
    return "";
  }
}

/// dhclient.conf(5).
std::string write_request(int directory, const Lease& lease) {
  const std::string name = "dhclient-" + lease.link + ".conf";
  const UniqueFd file =
      sys::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  sys::write_all(file.get(), "send dhcp-requested-address " + lease.address + ";\n");
  return std::string(layout::directory) + '/' + name;
}

using Arguments = std::vector<std::string>;

Arguments by_dhcpcd(const std::string& path, const Lease& lease) {
  return {path, "--background", "--request=" + lease.address, lease.link};
}

/// Without its script a client asks, and does nothing with the answer. Empty for none.
std::string find_script(int root, const std::vector<std::string>& paths) {
  for (const auto& path : paths) {
    try {
      if (!rootfs::canonical_beneath(root, path)) continue;
      rootfs::check_executable(root, path, "/");
      return path;
    } catch (const Failure&) {
      continue;
    }
  }
  return "";
}

Arguments by_udhcpc(const std::string& path, const std::string& script, const Lease& lease) {
  return {path, "-i", lease.link, "-r", lease.address, "-s", script, "-b", "-S"};
}

Arguments arguments_for(int root, int directory, const Lease& lease) {
  if (const auto path = find_client(root, "dhcpcd"); !path.empty()) return by_dhcpcd(path, lease);
  const auto script_of_dhclient = find_script(root, {"/sbin/dhclient-script"});
  if (const auto path = find_client(root, "dhclient"); !path.empty() && !script_of_dhclient.empty())
    return {path, "-nw", "-cf", write_request(directory, lease), lease.link};
  const auto path = find_client(root, "udhcpc");
  // Where busybox has it, and where Debian's has it.
  const auto script =
      find_script(root, {"/usr/share/udhcpc/default.script", "/etc/udhcpc/default.script"});
  if (!path.empty() && !script.empty()) return by_udhcpc(path, script, lease);
  throw Failure("the image has no client of DHCP that could renew the lease of " + lease.address +
                    " on " + lease.link +
                    ": no dhcpcd, no dhclient with its script, and no udhcpc with an executable "
                    "default.script",
                "leave --renew out: the address lasts, and the log says until when it is leased");
}

}  // namespace

std::vector<Lease> leases_in(const Network& network) {
  std::vector<Lease> leases;
  const auto messages = netlink::to_be_kept(network);
  const auto names = netlink::names_of_links(messages);
  for (const auto& message : messages) {
    const auto body = message.body<ifaddrmsg>();
    if (message.kind() != netlink::Kind::address || body.ifa_family != AF_INET ||
        !has_lifetime(message))
      continue;
    const auto name = names.find(body.ifa_index);
    const auto is_of_link = [&](const Lease& lease) { return lease.link == name->second; };
    if (name == names.end() || std::any_of(leases.begin(), leases.end(), is_of_link)) continue;
    leases.push_back(
        {name->second, netlink::address_in(netlink::own_address(message).value_or(""))});
  }
  return leases;
}

std::vector<Hook> renewals(const std::vector<Lease>& leases, int root, int directory) {
  std::vector<Hook> hooks;
  for (const auto& lease : leases) {
    Hook hook;
    hook.at = {Moment::after, "hand-over"};
    hook.arguments = arguments_for(root, directory, lease);
    hooks.push_back(std::move(hook));
  }
  return hooks;
}

}  // namespace dboot::network
