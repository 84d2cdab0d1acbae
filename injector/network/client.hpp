#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/network/message.hpp"
#include "shared/network/way.hpp"

/// Who has logged in over ssh, and the way to them.
namespace dboot::network {

/// The address that the caller's ssh session comes from; empty where there is none. Asks the
/// environment of this process, and that of those it was started by: sudo drops the variable.
std::string ssh_client();
/// The same in the text of an environment, as /proc/PID/environ has it. Pure.
std::string ssh_client_in(std::string_view environment);

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
