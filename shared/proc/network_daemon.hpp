#pragma once

#include <string_view>

namespace dboot {

/// The program that a process of that name (comm) is, where it is one that takes addresses and
/// routes along when it is asked to end: "systemd-networkd". Empty for others.
std::string_view network_daemon(std::string_view name);

}  // namespace dboot
