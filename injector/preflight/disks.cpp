#include "injector/preflight/disks.hpp"

namespace dboot::disks {

std::string describe(const DeviceGraph& graph) {
  std::string text;
  for (const auto& use : graph.uses()) {
    text += "in use: " + use.text() + ": ";
    for (std::size_t index = 0; index < use.devices.size(); ++index)
      text += (index == 0 ? "" : "; ") + graph.chain(use.devices[index]);
    text += use.devices.empty() ? "its disks are not known\n" : "\n";
  }
  return text;
}

}  // namespace dboot::disks
