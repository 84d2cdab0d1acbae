#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "injector/network/configuration.hpp"

/// A configuration in the words of what reads it. All of it is static: a lease is written as the
/// address that it gave. Pure.
namespace dboot::network {

struct File {
  std::string path;  ///< in the image: "/etc/network/interfaces"
  std::string content;
  mode_t mode = 0644;

  bool operator==(const File&) const = default;
};

/// systemd.network(5), systemd.netdev(5).
std::vector<File> networkd_files(const Configuration& configuration);
/// interfaces(5). Bonds, VLANs and bridges need ifenslave, vlan and bridge-utils beside ifupdown.
std::vector<File> ifupdown_files(const Configuration& configuration);
/// nm-settings-keyfile(5). Without neighbours, which it has none of.
std::vector<File> network_manager_files(const Configuration& configuration);
/// netplan(5). Without neighbours, which it has none of.
std::vector<File> netplan_files(const Configuration& configuration);

/// The interface that name servers are written to: the first with a default route, else with an
/// address; null where there is none.
const Interface* way_to_name_servers(const Configuration& configuration);

/// What a text begins with that whoever looks after the system may find and wonder about.
inline constexpr std::string_view origin =
    "# Written by dboot-inject: what the kernel had when this system was started.\n";

/// "::/0".
std::string_view everything(Family family);

}  // namespace dboot::network
