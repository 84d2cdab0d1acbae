#include "payload/guardian/fed_watchdog.hpp"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <exception>

#include "shared/system/syscalls.hpp"

namespace dboot::guardian {

void FedWatchdog::feed(const DeviceNodes& devices) noexcept {
  if (!file_) open(devices);
  if (file_) tell('\0');
}

void FedWatchdog::open(const DeviceNodes& devices) noexcept {
  constexpr int wanted_seconds = 30;
  try {
    file_ = devices.open(name_, O_WRONLY | O_NONBLOCK);
    int seconds = wanted_seconds;
    ::ioctl(file_.get(), WDIOC_SETTIMEOUT, &seconds);
  } catch (const std::exception&) {
    // Somebody has it open.
  }
}

bool FedWatchdog::stop() noexcept {
  if (!file_) return true;
  if (attribute("nowayout") == "1\n") return false;
  tell('V');
  file_.reset();
  return attribute("state") != "active\n";
}

void FedWatchdog::tell(char word) const noexcept {
  [[maybe_unused]] const auto ignored = ::write(file_.get(), &word, 1);
}

std::string FedWatchdog::attribute(const char* what) const {
  return sys::read_file_or_empty("/sys/class/watchdog/" + name_ + '/' + what);
}

}  // namespace dboot::guardian
