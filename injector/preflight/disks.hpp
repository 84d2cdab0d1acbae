#pragma once

#include <string>

#include "shared/devices/device_graph.hpp"

namespace dboot::disks {

/// For a person: what is in use, and on which disks it lies; a line each.
std::string describe(const DeviceGraph& graph);

}  // namespace dboot::disks
