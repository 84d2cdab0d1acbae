#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dboot::netlink {

/// What the kernel is told of each link, below /proc/sys/net: "ipv6/conf/eth0/accept_ra=1". Of the
/// network namespace of who asks; first of all links, then of each. Without what cannot be read.
std::vector<std::string> read_settings();

/// Its value, empty when it is not in there: `name` is "ipv6/conf/eth0/accept_ra".
std::string_view value_of(const std::vector<std::string>& settings, std::string_view name);

/// Whether the kernel listens to router advertisements on that link, and so renews what came by
/// them (Documentation/networking/ip-sysctl.rst: accept_ra).
bool hears_routers(const std::vector<std::string>& settings, const std::string& link);

struct Setting {
  std::string name;
  std::string value;
};
/// Those of `before` that are something else in `now`; not those that are not in `now`.
std::vector<Setting> settings_to_write(const std::vector<std::string>& before,
                                       const std::vector<std::string>& now);

/// Throws std::system_error.
void write_setting(const Setting& setting);

}  // namespace dboot::netlink
