#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/network/message.hpp"
#include "shared/network/way.hpp"

/// Who has logged in over ssh, and the way to them.
namespace dboot::network {

/// An ssh session, as sshd tells it (ssh(1), SSH_CONNECTION).
struct SshConnection {
  std::string client{};     ///< the address that it comes from; empty for no session
  std::string server{};     ///< the address of this machine
  std::uint16_t port = 22;  ///< of this machine
};

/// The caller's. Asks the environment of this process, and that of those it was started by: sudo
/// drops the variable.
SshConnection ssh_connection();
/// The same in the text of an environment, as /proc/PID/environ has it. Pure.
SshConnection ssh_connection_in(std::string_view environment);

/// What a link lives of besides the kernel, so that it would not outlive the takeover: "a process:
/// wpa_supplicant". Empty for others. Pure but for `is_wireless` and `is_modem`, which sysfs tells.
struct Traits {
  std::string kind{};  ///< as ip(8) has it: "tun", "bond"; empty for devices
  bool is_wireless = false;
  bool is_modem = false;
  bool is_ppp = false;
};
std::string lives_of(const Traits& traits);

/// Throws Failure when a link on the way to `client` lives of a process that ends with the old
/// system.
void refuse_links_that_end(const std::string& client);

/// Logs how packets get to `client`, and whether the next machine on the way answers. Never throws.
void note_way(const std::string& client);

}  // namespace dboot::network
