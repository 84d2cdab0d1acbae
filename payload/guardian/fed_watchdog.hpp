#pragma once

#include <string>

#include "payload/devices/device_nodes.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::guardian {

/// A watchdog that a guardian feeds (Documentation/watchdog/watchdog-api.rst).
class FedWatchdog {
 public:
  /// By its name below /dev.
  explicit FedWatchdog(std::string name) : name_(std::move(name)) {}

  /// Nothing here waits: a driver that does not take it now, takes it in a second. Opening it arms
  /// it, with 30 seconds where its driver can be told.
  void feed(const DeviceNodes& devices) noexcept;
  bool is_open() const noexcept { return !!file_; }
  /// False where that cannot be: it has to be fed on.
  bool stop() noexcept;

  const std::string& name() const noexcept { return name_; }

 private:
  void open(const DeviceNodes& devices) noexcept;
  void tell(char word) const noexcept;
  std::string attribute(const char* what) const;

  std::string name_;
  UniqueFd file_;
};

}  // namespace dboot::guardian
