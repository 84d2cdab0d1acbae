#include "injector/preflight/disks.hpp"

#include "injector/failure.hpp"
#include "injector/forecast/disks.hpp"

namespace dboot::disks {

void require_release(const std::vector<std::string>& kept) {
  auto storage = read_storage("1");
  add_other_namespaces(storage);
  if (storage.devices.empty())
    throw Failure("whether all disks come free cannot be told: there is no /sys",
                  "mount sysfs on it, or leave --require-release out");
  const auto reason = forecast::reason_for_busy_disks(
      forecast::disks_of(DeviceGraph(storage), moved_along(storage.mounts, kept)));
  if (!reason.empty())
    throw Failure("not all disks would come free: " + reason,
                  "end what keeps them, or leave --require-release out");
}

}  // namespace dboot::disks
