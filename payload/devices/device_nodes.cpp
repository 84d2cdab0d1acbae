#include "payload/devices/device_nodes.hpp"

#include <fcntl.h>

#include "shared/system/detached_mount.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {

DeviceNodes DeviceNodes::detached() {
  DeviceNodes devices;
  devices.mount_ = detached_mount::make("devtmpfs");
  return devices;
}

DeviceNodes DeviceNodes::of_namespace() noexcept {
  DeviceNodes devices;
  devices.mount_.reset(::open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return devices;
}

UniqueFd DeviceNodes::open(const std::string& name, int flags) const {
  if (mount_) return sys::open_at(mount_.get(), name, flags);
  return sys::open("/dev/" + name, flags);
}

}  // namespace dboot
