#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What the root filesystem of a container needs to be one of a machine.
namespace dboot::rootfs {

/// What is taken over from the host. Read them before any other mount namespace is entered.
struct HostFiles {
  std::string hosts;
  std::string resolv_conf;
};
HostFiles read_host_files();

/// True when every name server of a resolv.conf(5) is on the loopback interface (127.0.0.53): one
/// that will be gone with the old system. False when there is none at all.
bool names_only_local_servers(std::string_view resolv_conf);

struct Adaptation {
  std::string hostname;  ///< for /etc/hostname; empty: leave it alone
  bool machine = true;   ///< not a container any more: take away what says so
};

/// Mount points, /etc/hostname, and /etc/hosts and /etc/resolv.conf where the image has none or an
/// empty one. Returns which of the host's files it has written. Throws Failure when a mount point
/// cannot be one.
std::vector<std::string> adapt(int root_fd, const HostFiles& host, const Adaptation& adaptation);

}  // namespace dboot::rootfs
