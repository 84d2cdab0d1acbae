#include "payload/release/md.hpp"

#include <fcntl.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <sys/ioctl.h>

#include <string>

#include "shared/devices/device_graph.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// One that is "clear" has no disks; "inactive" ones have.
bool is_array(const BlockDevice& device) {
  const auto state = sys::read_file_or_empty("/sys/class/block/" + device.name + "/md/array_state");
  return !state.empty() && state != "clear\n";
}

void stop(const BlockDevice& device, const DeviceNodes& nodes) {
  const UniqueFd fd = nodes.open(node_of(device.name), O_RDONLY | O_NONBLOCK);
  sys::check(::ioctl(fd.get(), STOP_ARRAY, nullptr), "stop ", device.name);
}

}  // namespace

const StackKind md_arrays{"md", Action::stop_array, "STOP_ARRAY", is_array, stop};

}  // namespace dboot
