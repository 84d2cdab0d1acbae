#include "payload/release/zram.hpp"

#include <fcntl.h>

#include <string>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

std::string attribute(const BlockDevice& device, const std::string& name) {
  return "/sys/class/block/" + device.name + '/' + name;
}

bool is_in_use(const BlockDevice& device) {
  if (!device.name.starts_with("zram")) return false;
  const auto size = sys::read_file_or_empty(attribute(device, "disksize"));
  return !size.empty() && size != "0\n";
}

void reset(const BlockDevice& device, const DeviceNodes&) {
  const UniqueFd fd = sys::open(attribute(device, "reset"), O_WRONLY);
  sys::write_all(fd.get(), "1");
}

}  // namespace

const StackKind zram{"zram", Action::reset_zram, "write reset", is_in_use, reset};

}  // namespace dboot
