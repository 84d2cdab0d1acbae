#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dboot {

/// The number of a virtual terminal's name ("tty3"); 0 when the name is another terminal's.
int virtual_terminal_number(std::string_view name) noexcept;

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
