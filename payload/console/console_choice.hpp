#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dboot {

/// Names below /dev.
struct ConsoleChoice {
  std::vector<std::string> log_to;  ///< every console of the kernel, without duplicates
  std::string interactive;          ///< where a person gets a shell; empty for none
  bool operator==(const ConsoleChoice&) const = default;
};

/// `active`: /sys/class/tty/console/active; its last console is the one behind /dev/console
/// (Documentation/ABI/testing/sysfs-tty). `wanted`: the plan's console. The screen is virtual
/// terminal 3: display servers hold the first two.
ConsoleChoice choose_consoles(std::string_view active, std::string_view wanted);

}  // namespace dboot
