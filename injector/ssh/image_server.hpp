#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "injector/ssh/logins.hpp"
#include "shared/plan/plan.hpp"

/// An ssh server of the image, that the new system starts by itself.
namespace dboot::ssh {

/// What starts it: "/etc/systemd/system/multi-user.target.wants/ssh.service", a runlevel's link, or
/// the command itself; empty where nothing does. An init starts what is enabled for it: systemd,
/// OpenRC, runit, sysvinit; another one, and a supervised command, nothing.
std::string starter_of_image_server(int root, const Plan& plan);

/// Of its sshd_config(5): what may keep those out who have the host's keys ("PermitRootLogin no"),
/// and the ports at which it listens.
struct ImageRules {
  std::string obstacle;  ///< the line; empty when there is none
  std::vector<std::uint16_t> ports;
};
ImageRules rules_of_image_server(int root);
/// The same of a text. Pure.
ImageRules rules_in(std::string_view sshd_config);

/// Where the image's OpenSSH reads a host key of that kind, "ed25519": HostKey in its
/// sshd_config(5), else the usual place. Pure.
std::string host_key_path(std::string_view sshd_config, const std::string& kind);

/// Gives the image's server the host's keys (files of the host), and lets these in. What of the
/// image gives way is said. Throws Failure.
void give_keys(int root, const std::vector<std::string>& host_keys,
               const std::vector<Login>& logins);

}  // namespace dboot::ssh
