#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dboot::testing {

/// What a takeover could leave behind on a host that it was not to change: mount table, /run and
/// /dev, sysctls, cgroups, addresses, PID 1, processes. Keys say what ("run /run/lock"), values how
/// it is.
using HostState = std::map<std::string, std::string>;

/// Reads the state as the calling process sees it, without itself.
HostState capture_host_state();

/// One line per entry that came, went or changed.
std::vector<std::string> differences(const HostState& before, const HostState& after);

std::string serialize(const HostState& state);
HostState deserialize(std::string_view text);

}  // namespace dboot::testing
