#include "payload/console/kernel_setting.hpp"

#include <system_error>

#include "shared/system/syscalls.hpp"

namespace dboot {

void KernelSetting::set(const std::string& value) {
  auto before = sys::read_file_or_empty(path_);
  if (before.ends_with('\n')) before.pop_back();
  if (before.empty() || before == value || before_) return;
  if (write(value)) before_ = before;
}

void KernelSetting::restore() {
  if (before_) write(*before_);
  before_.reset();
}

bool KernelSetting::write(const std::string& value) {
  try {
    // Without the newline some are refused (kernel/printk/printk.c: devkmsg_sysctl_set_loglvl).
    log_.call("write", name_, [&] { sys::write_file(path_, value + '\n'); });
  } catch (const std::system_error& error) {
    // printk.devkmsg= on the kernel's command line fixes that one.
    log_.info("a setting of the kernel stays", {{"name", name_}, {"reason", error.what()}});
    return false;
  }
  return true;
}

}  // namespace dboot
