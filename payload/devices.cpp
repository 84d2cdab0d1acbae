#include "payload/devices.hpp"

#include <fcntl.h>

#include "payload/detached_mount.hpp"
#include "shared/syscalls.hpp"

namespace dboot {

Devices Devices::detached() {
  Devices devices;
  devices.mount_ = detached_mount::make("devtmpfs");
  return devices;
}

UniqueFd Devices::open(const std::string& name, int flags) const {
  if (mount_) return sys::open_at(mount_.get(), name, flags);
  return sys::open("/dev/" + name, flags);
}

}  // namespace dboot
