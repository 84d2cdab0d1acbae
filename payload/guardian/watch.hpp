#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "payload/devices/device_nodes.hpp"
#include "payload/guardian/old_disks.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::guardian {

/// What a guardian is given.
struct Charge {
  std::chrono::seconds within{0};      ///< until it goes back
  bool pid_1_obeys = false;            ///< the payload is PID 1, and ends the machine in good order
  std::optional<int> kernel_panic;     ///< sysctl, put back when somebody has confirmed
  std::vector<std::string> devices;    ///< of the old system
  std::vector<Mark> marks;             ///< of them, when they were let go of
  std::uint64_t writes = 0;            ///< to them, by then
  std::vector<std::string> watchdogs;  ///< names below /dev that it feeds
  std::chrono::nanoseconds began{0};   ///< of the record (CLOCK_MONOTONIC)
  std::size_t lines = 0;               ///< of the record
  UniqueFd listener;                   ///< layout::guardian_socket
  UniqueFd directory;                  ///< layout::directory
  UniqueFd ready;                      ///< gets a byte when the watchdogs are fed
};

/// Stays until somebody has confirmed, and longer where a watchdog cannot be stopped; or reboots
/// the machine. For a process of its own, which it makes one that nobody ends by mistake: no signal
/// but SIGKILL, no lack of memory. Whoever kills it leaves watchdogs that nobody feeds. Never
/// returns.
[[noreturn]] void watch(Charge charge, const DeviceNodes& devices) noexcept;

}  // namespace dboot::guardian
