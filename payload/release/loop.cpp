#include "payload/release/loop.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "shared/devices/device_graph.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

bool is_attached(const BlockDevice& device) {
  return !device.backing_file.empty();
}

void detach(const BlockDevice& device, const DeviceNodes& nodes) {
  {
    const UniqueFd fd = nodes.open(node_of(device.name), O_RDONLY | O_NONBLOCK);
    // Gone already with its last user: ENXIO.
    if (::ioctl(fd.get(), LOOP_CLR_FD, 0) != 0 && errno != ENXIO)
      sys::fail(errno, {"detach ", device.name});
  }
  // One that is in use goes with its last user, which the kernel calls success (loop.c:
  // LO_FLAGS_AUTOCLEAR).
  const auto file = sys::read_file_or_empty("/sys/block/" + device.name + "/loop/backing_file");
  if (!file.empty())
    throw std::system_error(EBUSY, std::generic_category(), "detach " + device.name);
}

}  // namespace

const StackKind loop_devices{"loop", Action::detach_loop, "LOOP_CLR_FD", is_attached, detach};

}  // namespace dboot
